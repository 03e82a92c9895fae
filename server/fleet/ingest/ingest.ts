import { timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import { isDataError, sqlState } from '#server/database/errors.ts'
import type { Database } from '#server/database/port.ts'
import {
  backgroundContext,
  currentContext,
  remainingMs,
  runInContext,
  runOutsideContext,
} from '#server/telemetry/context.ts'
import { runAsTrace } from '#server/telemetry/tracing.ts'
import { NotFoundError, UnauthenticatedError, UnavailableError } from '#shared/errors.ts'
import type { LivePosition } from '#shared/vehicles.ts'
import { hashToken } from '../devices/devices.ts'
import type { Outbox } from '#server/live/outbox.ts'
import { toFix, type Fault } from './bounds.ts'
import { createDeviceDirectory, type KnownDevice } from './devices.ts'
import type { DeviceMessage } from './message.ts'
import { createTally } from './tally.ts'
import {
  lastPlaces,
  nothingStored,
  quarantineId,
  storeFixes,
  type Quarantined,
  type StoredFix,
} from './store.ts'

export type { KnownDevice }
export { storeFixes }

/**
 * What became of a message. All of them are acknowledged; `seen`: there was no place, neither in it nor
 * before it.
 */
export type Outcome = 'stored' | 'duplicate' | 'quarantined' | 'seen'

export interface Ingest {
  /**
   * Resolves once the message is durably stored or quarantined.
   * @throws {NotFoundError} for an unknown device; {UnauthenticatedError} for a missing or wrong token;
   * {UnavailableError} when it should be sent again.
   */
  accept(message: DeviceMessage, token: string | null): Promise<Outcome>
  /** Messages that wait for their batch, without those that are being committed. */
  waiting(): number
  /** Waits for what is under way. */
  close(): Promise<void>
}

export interface IngestOptions {
  database: Database
  outbox: Pick<Outbox, 'publish'>
  log: Logger
  metrics?: { outcome(outcome: string): void, batch(size: number): void, quarantined(fault: Fault): void }
}

interface Waiting {
  message: DeviceMessage
  token: string | null
  receivedAt: Date
  /** Counted as refused for its token: a batch may be gone through several times. */
  refused?: true
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/**
 * The first message of a batch waits this long for others: unnoticed by a tracker, and at 1,000 messages/s
 * already five share a commit.
 */
const lingerMs = 5

/** One statement's worth: past it the statement takes longer than it saves. */
const maxInBatch = 500

/**
 * Past this many waiting, the database is behind by seconds: a device keeps its queue better than this
 * instance's memory does.
 */
const maxWaiting = 5_000

/** A batch is tried this long: the budget of a failover. Whoever cannot wait so long has gone before. */
const commitSeconds = 30

const mustShow
  = 'This device must authenticate with its token: by HTTP Basic (identifier and token), as a Bearer '
    + 'token, or as token=… in the URL or the form.'

/** A caller outside of a request waits this long. */
const patienceMs = 20_000

/**
 * Takes what devices say. Messages that arrive within a few milliseconds, and those that arrive while a batch
 * is being committed, are committed together; each is acknowledged only after its commit.
 */
export function createIngest({
  database,
  outbox,
  log,
  metrics = { outcome() {}, batch() {}, quarantined() {} },
}: IngestOptions): Ingest {
  const directory = createDeviceDirectory(database)
  const queue: Waiting[] = []
  let working: Promise<void> | null = null
  /** By SQLSTATE; the metric counts each. */
  const refusedPoints = createTally(points => log.warn(
    { points },
    'The database refused points, by SQLSTATE; they are in quarantine, and their neighbours are stored',
  ))
  /** By the device's id, and never by what was shown. Not of unknown devices: there is no end to them. */
  const refusedTokens = createTally(devices => log.warn(
    { devices }, 'Devices showed no token or a wrong one, messages by device; they were refused',
  ))

  function accept(message: DeviceMessage, token: string | null): Promise<Outcome> {
    if (queue.length >= maxWaiting)
      return Promise.reject(
        new UnavailableError('More positions are arriving than can be stored. Send this one again.', {
          retryAfterSeconds: 5,
        }),
      )
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new UnavailableError('The position could not be stored in time. Send it again.')),
        remainingMs(patienceMs),
      )
      const settled
        = <T>(settle: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer)
            settle(value)
          }
      queue.push({
        message,
        token,
        receivedAt: new Date(),
        resolve: settled(resolve),
        reject: settled(reject),
      })
      working ??= runOutsideContext(work)
    })
  }

  async function work() {
    await new Promise(resolve => setTimeout(resolve, lingerMs))
    while (queue.length > 0) {
      const batch = queue.splice(0, maxInBatch)
      await commit(batch)
    }
    working = null
  }

  /** Settles every message of the batch, whatever happens. */
  async function commit(batch: Waiting[]) {
    const refused: string[] = []
    await commitOrHalve(batch, refused)
    refused.forEach(refusedPoints.add)
    refusedPoints.tell()
    refusedTokens.tell()
  }

  /**
   * One point that the database refuses must not cost its neighbours, and finding it must not cost a
   * transaction for each of them: a batch that is refused for what stands in a row is halved until the row is
   * alone. It is quarantined, so that the device does not send it for ever.
   */
  async function commitOrHalve(batch: Waiting[], refused: string[]): Promise<void> {
    try {
      await runAsTrace('ingest batch', backgroundContext('ingest', commitSeconds), () => store(batch))
    }
    catch (error) {
      const sqlstate = sqlState(error)
      // Away, or at odds with this program as a whole (a missing column, a missing right): halves would fare
      // no better.
      if (error instanceof UnavailableError || (sqlstate !== null && !isDataError(error)))
        return batch.forEach(({ reject }) => reject(error))
      if (batch.length > 1) {
        const middle = batch.length >> 1
        await commitOrHalve(batch.slice(0, middle), refused)
        return commitOrHalve(batch.slice(middle), refused)
      }
      refused.push(sqlstate ?? 'none')
      // Our own fault, not the row's: the device may send it again once that is mended.
      if (sqlstate === null) return batch[0]!.reject(error)
      await quarantine(batch[0]!, `the database refused it (SQLSTATE ${sqlstate})`)
    }
  }

  /** Quarantines one message whatever its place, time and numbers are. */
  async function quarantine(waiting: Waiting, reason: string) {
    const { message, receivedAt, resolve, reject } = waiting
    try {
      await runInContext(backgroundContext('ingest', commitSeconds), async () => {
        const devices = await directory.find(message.identifiers)
        const device = message.identifiers
          .map(identifier => devices.get(identifier))
          .find(found => found !== undefined)
        if (!device) return reject(new NotFoundError('device'))
        const { raw } = message
        const point = { id: quarantineId(device, raw), device, receivedAt, reason, raw }
        // What cannot even be kept as it came is at least counted.
        await storeFixes(database, [], [point]).catch((error: unknown) =>
          isDataError(error)
            ? storeFixes(database, [], [{ ...point, raw: {} }])
            : Promise.reject(error as Error),
        )
        metrics.quarantined('refused')
        settle('quarantined', resolve)
      })
    }
    catch (error) {
      reject(error)
    }
  }

  async function store(batch: Waiting[]) {
    const devices = await directory.find(batch.flatMap(({ message }) => message.identifiers))
    const known: (Waiting & { device: KnownDevice })[] = []
    for (const waiting of batch) {
      const device = waiting.message.identifiers
        .map(identifier => devices.get(identifier))
        .find(found => found !== undefined)
      if (!device) waiting.reject(new NotFoundError('device'))
      else if (!holds(device, waiting.token)) refuse(waiting, device)
      else known.push({ ...waiting, device })
    }
    const asking = known.filter(({ message }) => message.place === null).map(({ device }) => device)
    const places = asking.length
      ? await lastPlaces(database, asking)
      : new Map<string, { latitude: number, longitude: number }>()

    const placeless: Waiting['resolve'][] = []
    const fixes: (StoredFix & Pick<Waiting, 'resolve'>)[] = []
    const quarantined: (Quarantined & Pick<Waiting, 'resolve'> & { fault: Fault })[] = []
    for (const { message, device, receivedAt, resolve } of known) {
      const place = message.place ?? places.get(device.id)
      if (!place) {
        placeless.push(resolve)
        continue
      }
      const fix = toFix(message, place, device.speedUnit, receivedAt)
      if ('reason' in fix)
        quarantined.push({
          id: quarantineId(device, message.raw),
          device,
          receivedAt,
          ...fix,
          raw: message.raw,
          resolve,
        })
      else fixes.push({ ...fix, device, receivedAt, resolve })
    }
    const { stored, moved, eventIds }
      = fixes.length + quarantined.length ? await storeFixes(database, fixes, quarantined) : nothingStored
    if (fixes.length + quarantined.length) metrics.batch(fixes.length + quarantined.length)
    for (const resolve of placeless) settle('seen', resolve)
    fixes.forEach(({ resolve }, index) => settle(stored.has(index) ? 'stored' : 'duplicate', resolve))
    for (const { resolve, fault } of quarantined) {
      metrics.quarantined(fault)
      settle('quarantined', resolve)
    }
    publish(
      fixes.filter((_, index) => moved.has(index)),
      eventIds,
    )
  }

  function refuse(waiting: Waiting, device: KnownDevice) {
    if (!waiting.refused) refusedTokens.add(device.id)
    waiting.refused = true
    waiting.reject(new UnauthenticatedError(mustShow))
  }

  function settle(outcome: Outcome, resolve: (outcome: Outcome) => void) {
    metrics.outcome(outcome)
    resolve(outcome)
  }

  /** After the commit: a browser must not show what may yet be lost. */
  function publish(fixes: StoredFix[], eventIds: Map<string, string>) {
    const consistencyToken = currentContext()?.consistencyToken ?? null
    for (const [organisationId, moved] of Map.groupBy(fixes, ({ device }) => device.organisationId)) {
      outbox.publish({
        eventId: eventIds.get(organisationId)!,
        organisationId,
        name: 'positions',
        data: { positions: moved.map(toLivePosition), consistencyToken },
      })
    }
  }

  return {
    accept,
    waiting: () => queue.length,
    async close() {
      await working
    },
  }
}

/**
 * Whether the device may speak: it needs no token, or shows the right one. A token that is shown must be
 * right even where none is needed.
 */
function holds({ tokenRequired, tokenHash }: KnownDevice, token: string | null): boolean {
  if (token === null || tokenHash === null) return !tokenRequired
  return timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(tokenHash))
}

function toLivePosition({ device, receivedAt, fixTime, ...fix }: StoredFix): LivePosition {
  const { latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes } = fix
  return {
    vehicleId: device.vehicleId!, fixTime: fixTime.toISOString(), receivedAt: receivedAt.toISOString(),
    latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes,
  }
}
