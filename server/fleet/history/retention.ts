/**
 * Keeps what organisations keep, and no longer: thins positions, drops and deletes what is past its time. One
 * job an hour in the whole installation; each step is a transaction of its own that can be done again, so an
 * attempt goes on where the one before has ended.
 */
import { sql } from 'drizzle-orm'
import type { Database, Transaction } from '#server/database/port.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { forWorkers } from '#server/jobs/queue.ts'
import type { RetentionCount } from '#server/telemetry/retention-metrics.ts'
import { lockHistory } from './history.ts'
import { beginningOf, dayMs, packDay } from './packed-days.ts'
import type { Kept } from './packed.ts'

export const retention: JobKind<object> = { name: 'retention', maxAttempts: 2 }

export interface RetentionMetrics {
  count(what: RetentionCount, number: number): void
  /** A run has ended, and left so much of what is past its time. */
  ran(overdueDays: number): void
}

/** Well below the time of an attempt: the next hour goes on. */
const runMs = 600_000

/** Rows of a table that is deleted from in one transaction: some 30 ms, which nobody notices. */
const rowsAtOnce = 5_000

/** The job rests after a step as long as it took: half the time the database is input's alone. */
const rest = 1

interface OrganisationKeeps {
  id: string
  /** Days that positions are kept as they came, that they are kept at all, and so on. Null: for ever. */
  asTheyCame: number | null
  positions: number | null
  events: number | null
  messages: number | null
}

interface Partition { name: string, starts: Date | null, ends: Date | null }

/** Runs until everything is done or its time is over. */
export async function keepWithinTime(
  { database, metrics, now = () => Date.now() }: {
    database: Database
    metrics: RetentionMetrics
    /** For tests: until when it runs is measured by it. */
    now?: () => number
  },
  job: Pick<RunningJob, 'signal' | 'progress'>,
): Promise<FinishJob> {
  const end = now() + runMs
  const counts: Partial<Record<RetentionCount, number>> = {}
  let steps = 0
  const count = (what: RetentionCount, number: number) => {
    counts[what] = (counts[what] ?? 0) + number
    metrics.count(what, number)
  }
  const isOver = () => now() >= end
  /** One step, and a rest after it. */
  async function step<T>(work: () => Promise<T>): Promise<T> {
    job.signal.throwIfAborted()
    const began = performance.now()
    const result = await work()
    job.progress(++steps)
    const restMs = Math.min((performance.now() - began) * rest, 1_000)
    await new Promise(resolve => setTimeout(resolve, restMs))
    return result
  }

  const organisations = await readSettings(database)
  const overdueDays = await keepPositions({ database, organisations, step, count, isOver })
  for (const organisation of organisations) await deleteOthers(organisation)
  metrics.ran(overdueDays)
  return async () => ({ result: { ...counts, overdueDays } })

  async function deleteOthers({ id, positions, events, messages }: OrganisationKeeps) {
    const tables = [
      ['position_days', sql`day < (now() AT TIME ZONE 'UTC')::date - ${positions}::int`, positions, 'days-deleted'],
      ['device_events', olderThan('fix_time', events), events, 'events-deleted'],
      ['device_messages', olderThan('received_at', messages), messages, 'messages-deleted'],
      ['quarantined_positions', olderThan('received_at', messages), messages, 'messages-deleted'],
    ] as const
    for (const [table, isOld, days, what] of tables) {
      if (days === null) continue
      for (let deleted = rowsAtOnce; deleted === rowsAtOnce && !isOver();) {
        deleted = await step(() => database.inOrganisation(id).write(async (tx) => {
          const name = sql.identifier(table)
          // By their place: these tables have keys of several kinds, and nobody updates what is old.
          const { rowCount } = await tx.execute(sql`DELETE FROM ${name} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM ${name} WHERE organisation_id = ${id} AND ${isOld} LIMIT ${rowsAtOnce}))`)
          return rowCount ?? 0
        }, { repeatable: true }))
        count(what, deleted)
      }
    }
  }
}

function olderThan(column: 'fix_time' | 'received_at', days: number | null) {
  return sql`${sql.identifier(column)} < now() - make_interval(days => ${days}::int)`
}

/** Those of whom something is not kept for ever, and whose setting is in force. */
async function readSettings(database: Database): Promise<OrganisationKeeps[]> {
  return forWorkers(database).read(async (tx) => {
    const { rows } = await tx.execute<{
      id: string
      came: number | null
      positions: number | null
      events: number | null
      messages: number | null
    }>(sql`
      SELECT id, days_as_they_came(o) AS came, positions_kept_days AS positions, events_kept_days AS events,
        messages_kept_days AS messages
      FROM organisations o WHERE (retention_from IS NULL OR retention_from <= now())
        AND num_nonnulls(positions_kept_days, positions_thinned_days, events_kept_days, messages_kept_days) > 0`)
    return rows.map(({ came, ...row }) => ({ ...row, asTheyCame: came }))
  }, { consistency: 'strong' })
}

/** Resolves to how many days the oldest that was left is past its time. */
async function keepPositions({ database, organisations, step, count, isOver }: {
  database: Database
  organisations: OrganisationKeeps[]
  step<T>(work: () => Promise<T>): Promise<T>
  count(what: RetentionCount, number: number): void
  isOver(): boolean
}): Promise<number> {
  const settings = new Map(organisations.map(one => [one.id, one]))
  const shortest = organisations
    .reduce((least, { asTheyCame }) => Math.min(least, asTheyCame ?? Infinity), Infinity)
  if (shortest === Infinity) return 0
  const workers = forWorkers(database)
  const due = (days: number | null) => days === null ? -Infinity : Date.now() - days * dayMs
  let overdueDays = 0

  const drop = async (name: string) => {
    const gone = await step(() => workers.write(async (tx) => {
      const { rows } = await tx.execute<{ gone: boolean }>(sql`SELECT drop_position_partition(${name}) AS gone`)
      return rows[0]!.gone
    }, { repeatable: true }))
    if (gone) count('partitions-dropped', 1)
    return gone
  }

  for (const { name, starts, ends } of await partitionsOf(database)) {
    if (starts && starts.getTime() >= due(shortest)) break
    // What nobody keeps is dropped whole. The database itself looks whether that is so.
    if (ends && ends.getTime() <= due(shortest) && await drop(name)) continue
    const devices = await step(() => workers.read(async (tx) => {
      const { rows } = await tx.execute<{ device_id: string, organisation_id: string, oldest: number }>(sql`
        SELECT device_id, organisation_id, extract(epoch FROM oldest)::float8 * 1000 AS oldest
        FROM position_devices(${name})`)
      return rows
    }, { consistency: 'strong' }))
    let left = 0
    for (const { device_id: deviceId, organisation_id: organisationId, oldest } of devices) {
      const setting = settings.get(organisationId)
      let next: number | null = oldest
      while (next !== null && setting && dayOf(next) + dayMs <= due(setting.asTheyCame)) {
        if (isOver()) {
          overdueDays = Math.max(overdueDays, (due(setting.asTheyCame) - dayOf(next)) / dayMs - 1)
          break
        }
        const day = dayOf(next)
        next = await step(() => keepDay(database, { organisationId, deviceId, day, setting, ends, count }))
      }
      if (next !== null) left++
    }
    if (left === 0 && ends && devices.length > 0) await drop(name)
    if (isOver()) break
  }
  return Math.max(0, Math.round(overdueDays * 100) / 100)
}

const dayOf = (time: number) => Math.floor(time / dayMs) * dayMs

/** The oldest first; the default one, where anything may be, before them. */
async function partitionsOf(database: Database): Promise<Partition[]> {
  return forWorkers(database).read(async (tx) => {
    const { rows } = await tx.execute<{ name: string, starts: number, ends: number }>(sql`
      SELECT name, extract(epoch FROM starts)::float8 * 1000 AS starts, extract(epoch FROM ends)::float8 * 1000 AS ends
      FROM position_partitions() ORDER BY 2`)
    return [
      { name: 'positions_default', starts: null, ends: null },
      ...rows.map(({ name, starts, ends }) => ({ name, starts: new Date(starts), ends: new Date(ends) })),
    ]
  }, { consistency: 'strong' })
}

type Row = {
  time: number
  vehicle_id: string | null
  latitude: number
  longitude: number
  speed_kmh: number | null
  course_degrees: number | null
  altitude_metres: number | null
  credibility: string | null
}

/**
 * A day of a device, in one transaction: what is thinned is packed, and all of it is deleted as it came.
 * Nobody stores a message of the device meanwhile, or moves its history. Resolves to the time of its next
 * position in the partition.
 */
async function keepDay(
  database: Database,
  { organisationId, deviceId, day, setting, ends, count }: {
    organisationId: string
    deviceId: string
    day: number
    setting: OrganisationKeeps
    ends: Date | null
    count(what: RetentionCount, number: number): void
  },
): Promise<number | null> {
  const name = new Date(day).toISOString().slice(0, 10)
  const isKept = setting.positions === null || day + dayMs > Date.now() - setting.positions * dayMs
  const done = await database.inOrganisation(organisationId).write(async (tx) => {
    await lockHistory(tx, [deviceId])
    const rows = await readDay(tx, deviceId, day)
    const points = isKept ? await packRows(tx, { organisationId, deviceId, day: name }, rows) : 0
    const { rows: [deleted] } = await tx.execute<{ n: number }>(
      sql`SELECT delete_position_day(${deviceId}, ${name}) AS n`)
    // A device that was removed has no lock. What came between is looked at by the next run.
    if (deleted!.n !== rows.length) throw new Error(`Positions of ${name} came while the day was thinned`)
    const { rows: [after] } = await tx.execute<{ time: number }>(sql`
      SELECT extract(epoch FROM fix_time)::float8 * 1000 AS time FROM positions
      WHERE device_id = ${deviceId} AND fix_time >= ${new Date(day + dayMs).toISOString()}::timestamptz
        AND fix_time < ${ends?.toISOString() ?? 'infinity'}::timestamptz
      ORDER BY fix_time LIMIT 1`)
    return { rows: rows.length, points, next: after?.time ?? null }
  }, { repeatable: true })
  count(isKept ? 'positions-thinned' : 'positions-deleted', done.rows)
  count('points-kept', done.points)
  return done.next
}

async function readDay(tx: Transaction, deviceId: string, day: number): Promise<Row[]> {
  const [from, to] = [day, day + dayMs].map(time => new Date(time).toISOString())
  const { rows } = await tx.execute<Row>(sql`
    SELECT extract(epoch FROM fix_time)::float8 * 1000 AS time, vehicle_id, latitude, longitude, speed_kmh,
      course_degrees, altitude_metres, credibility
    FROM positions
    WHERE device_id = ${deviceId} AND fix_time >= ${from}::timestamptz AND fix_time < ${to}::timestamptz
    ORDER BY fix_time`)
  return rows
}

/** A packed row for each vehicle that the device was in. Resolves to the points that are kept. */
async function packRows(
  tx: Transaction, of: { organisationId: string, deviceId: string, day: string }, rows: Row[],
): Promise<number> {
  const start = beginningOf(of.day)
  let points = 0
  for (const [vehicleId, own] of Map.groupBy(rows, row => row.vehicle_id)) {
    const believed = own.filter(({ credibility }) => credibility === null).map((row): Kept => ({
      time: Math.max(start, Math.round(row.time)), latitude: row.latitude, longitude: row.longitude,
      speedKmh: row.speed_kmh, courseDegrees: row.course_degrees, altitudeMetres: row.altitude_metres,
    }))
    if (believed.length === 0) continue
    const counts = { fixes: own.length, doubted: own.length - believed.length }
    points += await packDay(tx, { ...of, vehicleId }, believed, counts)
  }
  return points
}
