/**
 * Messages that were kept as they came are read and judged anew, after a correction: of the unit, of the
 * clock, of the program. Each is stored by its key (device and time), so that a replay which is begun twice
 * stores it once. docs/devices.md, "After a correction".
 */
import { and, asc, eq, gt, gte, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { deviceMessages, devices, quarantinedPositions } from '#server/database/schema/fleet.ts'
import type { Member } from '#server/identity/member.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { enqueue } from '#server/jobs/queue.ts'
import { recordChange } from '#server/live/changes.ts'
import type { DeviceReplayCreate } from '#shared/device-replays.ts'
import type { SpeedUnit } from '#shared/devices.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '#shared/errors.ts'
import type { Job } from '#shared/jobs.ts'
import { countOpenJobs, findJob, subjectOf } from '../jobs/jobs.ts'
import type { Arrived } from './batch.ts'
import { kmhIn } from './bounds.ts'
import type { KnownDevice } from './devices.ts'
import { readKept } from './parse.ts'
import { storeMessages } from './store.ts'

export const deviceReplay: JobKind<DeviceReplayCreate> = { name: 'device-replay', maxAttempts: 5 }

/** As long as messages are kept. */
const longestDays = 31
const dayMs = 86_400_000

/** Of one organisation, waiting or running. */
const maxOpen = 5

/** Judged in one transaction: as many as a batch of the devices themselves. */
const chunkSize = 200

/** Speeds that are brought into another unit in one transaction: a month of a fix every 15 s. */
const maxRescaled = 200_000

/**
 * Asks for a replay.
 * @throws {NotFoundError} for a device that is not there; {InvalidInputError} for a period that is none;
 * {ConflictError} while too many wait.
 */
export async function requestDeviceReplay(
  { database }: { database: Database }, { organisationId, userId, name }: Member, input: DeviceReplayCreate,
): Promise<Job> {
  const { deviceId, from, to, speedUnitBefore } = input
  if (new Date(from) >= new Date(to))
    throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
  if (new Date(to).getTime() - new Date(from).getTime() > longestDays * dayMs)
    throw new InvalidInputError([{ path: 'from', message: `must be at most ${longestDays} days before to` }])
  return database.inOrganisation(organisationId).write(async (tx) => {
    const [device] = await tx.select().from(devices).where(eq(devices.id, deviceId))
    if (!device) throw new NotFoundError('device')
    if (speedUnitBefore === device.speedUnit) {
      const message = `must be another unit than the one that the device is set to (${device.speedUnit})`
      throw new InvalidInputError([{ path: 'speedUnitBefore', message }])
    }
    if (await countOpenJobs(tx, organisationId, deviceReplay.name) >= maxOpen)
      throw new ConflictError(
        `${maxOpen} replays are already in progress. Wait for one to finish, or cancel one.`,
      )
    const id = await enqueue(tx, deviceReplay, { organisationId, input, requestedBy: { id: userId, name } })
    await recordAudit(tx, {
      organisationId, action: 'device-replay.requested', subject: subjectOf({ id, kind: deviceReplay.name }),
      after: { ...input, device: device.name },
    })
    await recordChange(tx, organisationId, { type: 'job', id, change: 'created' })
    return findJob(tx, id)
  })
}

interface Kept {
  id: string
  receivedAt: Date
  raw: Record<string, unknown>
}

/** Judges them anew, chunk by chunk, and says how far it has come. */
export async function runDeviceReplay(
  { database }: { database: Database }, job: RunningJob<DeviceReplayCreate>,
): Promise<FinishJob> {
  const organisationId = job.organisationId!
  const { deviceId, from, to, speedUnitBefore } = job.input
  const device = await knownDevice(database, organisationId, deviceId)
  const period = { deviceId, from: new Date(from), to: new Date(to) }
  const tables = [quarantinedPositions, deviceMessages] as const
  const counts = await Promise.all(tables.map(table => countKept(database, organisationId, table, period)))
  const total = counts[0]! + counts[1]!
  let done = 0
  let used = 0
  job.progress(0, total)
  for (const table of tables) {
    let after: Kept | null = null
    for (;;) {
      job.signal.throwIfAborted()
      const chunk: Kept[] = await readChunk(database, organisationId, table, period, after)
      if (chunk.length === 0) break
      used += await replayChunk(database, organisationId, table, device, chunk)
      done += chunk.length
      job.progress(done, total)
      after = chunk.at(-1)!
    }
  }
  return async (tx) => {
    const rescaled = speedUnitBefore ? await rescale(tx, device, period, speedUnitBefore) : 0
    const result = { messages: done, used, rescaled }
    await recordAudit(tx, {
      organisationId, action: 'device-replay.completed',
      subject: subjectOf({ id: job.id, kind: deviceReplay.name }), after: result,
    })
    await recordChange(tx, organisationId, { type: 'device', id: deviceId, change: 'updated' })
    return { result }
  }
}

async function knownDevice(database: Database, organisationId: string, id: string): Promise<KnownDevice> {
  const [row] = await database.inOrganisation(organisationId)
    .read(tx => tx.select().from(devices).where(eq(devices.id, id)), { consistency: 'strong' })
  if (!row) throw new NotFoundError('device')
  const { ownIdentifier, identifier, vehicleId, speedUnit, tokenRequired, clockCorrectionSeconds } = row
  return {
    id, organisationId, identifier: ownIdentifier ?? identifier, vehicleId, speedUnit, tokenRequired,
    tokenHash: null, clockCorrectionSeconds,
  }
}

type Table = typeof quarantinedPositions | typeof deviceMessages
interface Period { deviceId: string, from: Date, to: Date }

/** Those that were taken and not used, and that no replay has made a position of. */
function isOpen(table: Table, { deviceId, from, to }: Period) {
  return and(
    eq(table.deviceId, deviceId), gte(table.receivedAt, from), lt(table.receivedAt, to),
    isNull(table.replayedAt),
    'outcome' in table ? eq(table.outcome, 'judged') : undefined,
    'credibility' in table ? sql`${table.credibility} IS DISTINCT FROM 'ok'` : undefined,
  )
}

async function countKept(
  database: Database, organisationId: string, table: Table, period: Period,
): Promise<number> {
  const [row] = await database.inOrganisation(organisationId).read(tx =>
    tx.select({ count: sql<number>`count(*)::int` }).from(table).where(isOpen(table, period)))
  return row!.count
}

/** By their receipt, as they came. */
async function readChunk(
  database: Database, organisationId: string, table: Table, period: Period, after: Kept | null,
): Promise<Kept[]> {
  return database.inOrganisation(organisationId).read(tx =>
    tx.select({ id: table.id, receivedAt: table.receivedAt, raw: table.raw }).from(table)
      .where(and(isOpen(table, period), after
        ? or(
            gt(table.receivedAt, after.receivedAt),
            and(eq(table.receivedAt, after.receivedAt), gt(table.id, after.id)),
          )
        : undefined))
      .orderBy(asc(table.receivedAt), asc(table.id)).limit(chunkSize), { consistency: 'strong' })
}

/** Resolves to the number of those that are believed now. */
async function replayChunk(
  database: Database, organisationId: string, table: Table, device: KnownDevice, chunk: Kept[],
): Promise<number> {
  const read = chunk.flatMap(({ id, receivedAt, raw }) =>
    readKept(raw, device.identifier, receivedAt)
      .map((message): { id: string, arrived: Arrived } =>
        ({ id, arrived: { device, message: { ...message, raw }, receivedAt, isReplayed: true } })))
  if (read.length === 0) return 0
  const { verdicts } = await storeMessages(database, read.map(({ arrived }) => arrived))
  const used = read.filter((_, index) => {
    const verdict = verdicts[index]!
    return verdict.kind === 'fix' && verdict.fix.credibility === null
  }).map(({ id }) => id)
  if (used.length > 0) {
    await database.inOrganisation(organisationId).write(async (tx) => {
      await tx.update(table).set({ replayedAt: new Date() }).where(inArray(table.id, used))
      return {}
    }, { repeatable: true })
  }
  return used.length
}

/**
 * In the transaction that ends the job, because doing it twice would be wrong. A position that was stored
 * after the device was corrected is in the right unit: `to` says where that begins.
 */
async function rescale(
  tx: Transaction, device: KnownDevice, { deviceId, from, to }: Period, before: SpeedUnit,
): Promise<number> {
  const factor = kmhIn(device.speedUnit) / kmhIn(before)
  const { rowCount } = await tx.execute(sql`
    UPDATE positions SET speed_kmh = round((speed_kmh * ${factor}::float8)::numeric, 3)::real
    WHERE device_id = ${deviceId} AND organisation_id = ${device.organisationId} AND speed_kmh IS NOT NULL
      AND received_at >= ${from.toISOString()}::timestamptz AND received_at < ${to.toISOString()}::timestamptz
      AND fix_time >= ${new Date(from.getTime() - longestDays * dayMs).toISOString()}::timestamptz`)
  if ((rowCount ?? 0) > maxRescaled)
    throw new ConflictError(`More than ${maxRescaled} positions are in this period. Choose a shorter one.`)
  return rowCount ?? 0
}
