/**
 * What a device told of belongs to the vehicle in which it was fitted at that time. Here is what follows a
 * fitting that begins, ends or is corrected; `server/fleet/ingest` gives each new fix its vehicle.
 */
import { sql } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { enqueue } from '#server/jobs/queue.ts'
import { recordChange, recordResync } from '#server/live/changes.ts'
import { movePackedDays, type Period } from './packed-days.ts'

export type { Period }

/** What has been moved. */
export interface Moved {
  positions: number
  events: number
  days: number
  /** There is more of it. */
  more: boolean
}

/** History that waits to be moved: of a device, in these periods. */
export const fittingHistory: JobKind<{ deviceId: string, periods: Period[] }> = {
  name: 'fitting-history', maxAttempts: 10,
}

/** What a person's change moves itself: some 50 ms. More is a job's. */
const inChange = 2_000

/** What a step of the job moves: ingest of that device waits meanwhile, for some 100 ms. */
const inStep = 5_000

/** The pause after a step: input and people come first. */
const pauseMs = 50

/**
 * Locks what ingest locks while it stores a device's messages. Whoever changes fittings does so first, after
 * the devices themselves: until the end of the transaction no message is stored by fittings that are old.
 */
export async function lockHistory(tx: Transaction, deviceIds: string[]): Promise<void> {
  await tx.execute(sql`SELECT device_id FROM device_states
    WHERE device_id = ANY (${sql.param(deviceIds)}::uuid[]) ORDER BY device_id FOR NO KEY UPDATE`)
}

/**
 * Moves what a device told of in these periods to the vehicles in which it was fitted, as its fittings say
 * now: the newest at once, and what is more by a job. To be called after the change, under `lockHistory`.
 */
export async function followFittings(
  tx: Transaction,
  { organisationId, deviceId, periods, requestedBy }: {
    organisationId: string
    deviceId: string
    periods: Period[]
    requestedBy?: { id: string, name: string }
  },
): Promise<Moved & { jobId: string | null }> {
  const moved = await moveHistory(tx, { organisationId, deviceId, periods, most: inChange })
  if (moved.positions + moved.days > 0) await recordResync(tx, organisationId)
  if (!moved.more) return { ...moved, jobId: null }
  const jobId = await enqueue(tx, fittingHistory, {
    organisationId, input: { deviceId, periods }, requestedBy,
  })
  await recordChange(tx, organisationId, { type: 'job', id: jobId, change: 'created' })
  return { ...moved, jobId }
}

/**
 * The time in which a change of now may matter: from a minute ago, because it may have waited for a lock and
 * clocks differ, and without an end, because a device's clock may be ahead.
 */
export function sinceNow(): Period[] {
  return [{ from: new Date(Date.now() - 60_000).toISOString(), to: 'infinity' }]
}

/**
 * Moves all of it, in steps of a transaction each. A step can be done again: it moves what is not where the
 * fittings say, so an attempt goes on where the one before has ended.
 */
export async function runFittingHistory(
  { database }: { database: Database }, job: RunningJob<{ deviceId: string, periods: Period[] }>,
): Promise<FinishJob> {
  const organisationId = job.organisationId!
  const { deviceId, periods } = job.input
  const total = { positions: 0, events: 0, days: 0 }
  for (let more = true; more;) {
    job.signal.throwIfAborted()
    const step = await database.inOrganisation(organisationId).write(async (tx) => {
      await lockHistory(tx, [deviceId])
      return moveHistory(tx, { organisationId, deviceId, periods, most: inStep })
    })
    total.positions += step.positions
    total.events += step.events
    total.days += step.days
    more = step.more
    job.progress(total.positions + total.events + total.days)
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
  return async (tx) => {
    const { rows } = await tx.execute<{ name: string }>(sql`SELECT name FROM devices WHERE id = ${deviceId}`)
    await recordAudit(tx, {
      organisationId,
      action: 'device.history-moved',
      subject: { type: 'device', id: deviceId, label: rows[0]?.name ?? 'a removed device' },
      after: total,
    })
    await recordResync(tx, organisationId)
    return { result: total }
  }
}

interface Step { organisationId: string, deviceId: string, periods: Period[], most: number }

async function moveHistory(
  tx: Transaction, { organisationId, deviceId, periods, most }: Step,
): Promise<Moved> {
  const moved: Moved = { positions: 0, events: 0, days: 0, more: false }
  const vehicles = new Set<string>()
  for (const period of periods) {
    for (const table of ['positions', 'device_events'] as const) {
      const rows = await moveRows(tx, table, { deviceId, period, most })
      for (const { before, after } of rows)
        for (const id of [before, after]) if (id !== null) vehicles.add(id)
      moved[table === 'positions' ? 'positions' : 'events'] += rows.length
      moved.more ||= rows.length === most
    }
    const packed = await movePackedDays(tx, { organisationId, deviceId, period })
    moved.days += packed.days
    moved.more ||= packed.more
    for (const id of packed.vehicles) vehicles.add(id)
  }
  if (vehicles.size) await renewVehicleStates(tx, [...vehicles].sort())
  return moved
}

/** The newest first: a vehicle's newest position is right after the first step. */
async function moveRows(
  tx: Transaction, table: 'positions' | 'device_events',
  { deviceId, period: { from, to }, most }: { deviceId: string, period: Period, most: number },
): Promise<{ before: string | null, after: string | null }[]> {
  const name = sql.identifier(table)
  // A row more of `device_events` is another event: its whole key.
  const key = table === 'positions' ? sql`` : sql`AND p.kind = w.kind AND p.content_hash = w.content_hash`
  const keyed = table === 'positions' ? sql`` : sql`, p.kind, p.content_hash`
  const { rows } = await tx.execute<{ before: string | null, after: string | null }>(sql`
    WITH wrong AS (
      SELECT p.fix_time, p.vehicle_id AS before, f.vehicle_id AS after ${keyed}
      FROM ${name} p LEFT JOIN device_fittings f ON f.device_id = p.device_id
        AND p.fix_time >= f.fitted_at AND (f.removed_at IS NULL OR p.fix_time < f.removed_at)
      WHERE p.device_id = ${deviceId} AND p.fix_time >= ${from}::timestamptz AND p.fix_time < ${to}::timestamptz
        AND p.vehicle_id IS DISTINCT FROM f.vehicle_id
      ORDER BY p.fix_time DESC LIMIT ${most})
    UPDATE ${name} p SET vehicle_id = w.after FROM wrong w
    WHERE p.device_id = ${deviceId} AND p.fix_time >= ${from}::timestamptz AND p.fix_time < ${to}::timestamptz
      AND p.fix_time = w.fix_time ${key}
    RETURNING w.before, w.after`)
  return rows
}

/**
 * The newest credible position of each vehicle, of what there is now; none: it has none. Ingest that stores a
 * newer one meanwhile waits for the row, or is waited for.
 */
async function renewVehicleStates(tx: Transaction, vehicleIds: string[]): Promise<void> {
  const ids = sql`${sql.param(vehicleIds)}::uuid[]`
  await tx.execute(sql`SELECT 1 FROM vehicle_states WHERE vehicle_id = ANY (${ids}) ORDER BY vehicle_id FOR UPDATE`)
  await tx.execute(sql`DELETE FROM vehicle_states WHERE vehicle_id = ANY (${ids})`)
  // One that is ahead of its receipt counts from that, and is ahead by 5 minutes at most: see ingest.
  await tx.execute(sql`
    INSERT INTO vehicle_states AS s (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude,
      longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
    SELECT v.id, p.organisation_id, p.device_id, p.fix_time, p.received_at, p.latitude, p.longitude,
      p.speed_kmh, p.course_degrees, p.altitude_metres, p.accuracy_metres, p.attributes
    FROM unnest(${ids}) AS v(id), LATERAL (
      SELECT * FROM positions
      WHERE vehicle_id = v.id AND credibility IS NULL AND fix_time >= (
        SELECT fix_time FROM positions WHERE vehicle_id = v.id AND credibility IS NULL
        ORDER BY fix_time DESC LIMIT 1) - interval '5 minutes'
      ORDER BY least(fix_time, received_at) DESC, fix_time DESC LIMIT 1) AS p
    ON CONFLICT (vehicle_id) DO NOTHING`)
  // What has been thinned is a place, too.
  await tx.execute(sql`
    INSERT INTO vehicle_states (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude,
      longitude, speed_kmh, course_degrees, altitude_metres)
    SELECT v.id, d.organisation_id, d.device_id, at.moment, at.moment,
      d.latitudes[cardinality(d.latitudes)] / 1e6, d.longitudes[cardinality(d.longitudes)] / 1e6,
      d.speeds[cardinality(d.speeds)] / 10.0, d.courses[cardinality(d.courses)],
      d.altitudes[cardinality(d.altitudes)]
    FROM unnest(${ids}) AS v(id), LATERAL (
      SELECT * FROM position_days WHERE vehicle_id = v.id AND cardinality(offsets) > 0
      ORDER BY day DESC, offsets[cardinality(offsets)] DESC LIMIT 1) AS d,
      LATERAL (SELECT d.day::timestamp AT TIME ZONE 'UTC'
        + d.offsets[cardinality(d.offsets)] * interval '1 millisecond' AS moment) AS at
    ON CONFLICT (vehicle_id) DO NOTHING`)
}
