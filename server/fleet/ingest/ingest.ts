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
import type { Credibility } from '#shared/device-messages.ts'
import type { LivePosition } from '#shared/vehicles.ts'
import { hashToken } from '../devices/devices.ts'
import type { Outbox } from '#server/live/outbox.ts'
import { messageId, type Arrived, type KeptMessage, type StoredFix } from './batch.ts'
import type { Fault } from './bounds.ts'
import { createDeviceDirectory, type KnownDevice } from './devices.ts'
import { eventsOf, type DeviceMessage } from './message.ts'
import { createTally } from './tally.ts'
import { storeHistory, storeMessages, storeQuarantined, type StoreResult } from './store.ts'

export type { KnownDevice }
export { createTally, eventsOf, storeHistory }

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
  /**
   * The same for what came in one request: resolves once all of it is stored or quarantined, and refuses it
   * whole where one of its devices is not known or not proved.
   */
  acceptAll(messages: DeviceMessage[], token: string | null): Promise<Outcome[]>
  /** Messages that wait for their batch, without those that are being committed. */
  waiting(): number
  /** Waits for what is under way. */
  close(): Promise<void>
}

export interface IngestOptions {
  database: Database
  outbox: Pick<Outbox, 'publish'>
  log: Logger
  metrics?: {
    outcome(outcome: string): void
    batch(size: number): void
    quarantined(fault: Fault): void
    judged(credibility: Credibility): void
    happened(events: number): void
  }
}

/** What came in one request. */
interface Waiting {
  messages: DeviceMessage[]
  token: string | null
  receivedAt: Date
  /** Counted as refused for its token: a batch may be gone through several times. */
  refused?: true
  resolve(outcomes: Outcome[]): void
  reject(error: unknown): void
}

const noMetrics: NonNullable<IngestOptions['metrics']> = {
  outcome() {}, batch() {}, quarantined() {}, judged() {}, happened() {},
}

/**
 * The first message of a batch waits this long for others: unnoticed by a tracker, and at 1,000 messages/s
 * already five share a commit.
 */
const lingerMs = 5

/** One statement's worth of messages: past it the statement takes longer than it saves. */
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

/** Of a device whose messages are refused one is kept in this time: who guesses must not fill the table. */
const keepRefusedEveryMs = 60_000

/** Devices of which that is remembered. */
const maxRefusedDevices = 10_000

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
  metrics = noMetrics,
}: IngestOptions): Ingest {
  const directory = createDeviceDirectory(database)
  const queue: Waiting[] = []
  let working: Promise<void> | null = null
  /** By SQLSTATE; the metric counts each. */
  const refusedPoints = createTally(points => log.warn(
    { points },
    'The database refused points, by SQLSTATE; they are in quarantine, and their neighbours are stored',
  ))
  /** By the device's id: when a refused message of it was last kept. */
  const keptRefusals = new Map<string, number>()
  /** By the device's id, and never by what was shown. Not of unknown devices: there is no end to them. */
  const refusedTokens = createTally(devices => log.warn(
    { devices }, 'Devices showed no token or a wrong one, messages by device; they were refused',
  ))

  function acceptAll(messages: DeviceMessage[], token: string | null): Promise<Outcome[]> {
    if (queue.length >= maxWaiting)
      return Promise.reject(
        new UnavailableError('More positions are arriving than can be stored. Send this one again.', {
          retryAfterSeconds: 5,
        }),
      )
    if (messages.length === 0) return Promise.resolve([])
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
        messages,
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
    while (queue.length > 0) await commit(takeBatch())
    working = null
  }

  /** What came in one request stays together. */
  function takeBatch(): Waiting[] {
    let messages = 0
    const fits = queue.findIndex((waiting, index) => {
      messages += waiting.messages.length
      return index > 0 && messages > maxInBatch
    })
    return queue.splice(0, fits === -1 ? queue.length : fits)
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
      const [waiting] = batch
      // Our own fault, not the row's: the device may send it again once that is mended.
      if (sqlstate === null) {
        refused.push('none')
        return waiting!.reject(error)
      }
      if (waiting!.messages.length > 1) return commitApart(waiting!, refused)
      refused.push(sqlstate)
      await quarantine(waiting!, `the database refused it (SQLSTATE ${sqlstate})`)
    }
  }

  /**
   * The messages of one request, each for itself, because the database refuses one of them: it goes into
   * quarantine, and the device is answered once all of them are somewhere.
   */
  async function commitApart(waiting: Waiting, refused: string[]): Promise<void> {
    const outcomes: Promise<Outcome[]>[] = []
    const apart = waiting.messages.map((message) => {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome[]>()
      outcomes.push(promise)
      return { ...waiting, messages: [message], resolve, reject }
    })
    const all = Promise.all(outcomes).then(each => waiting.resolve(each.flat()), waiting.reject)
    await commitOrHalve(apart, refused)
    await all
  }

  /** Quarantines one message whatever its place, time and numbers are. */
  async function quarantine(waiting: Waiting, reason: string) {
    const { messages: [message], receivedAt, resolve, reject } = waiting
    try {
      await runInContext(backgroundContext('ingest', commitSeconds), async () => {
        const devices = await directory.find(message!.identifiers)
        const device = deviceOf(message!, devices)
        if (!device) return reject(new NotFoundError('device'))
        const { raw } = message!
        const point = { id: messageId(device, raw), device, receivedAt, reason, raw }
        // What cannot even be kept as it came is at least counted.
        await storeQuarantined(database, [point]).catch((error: unknown) =>
          isDataError(error)
            ? storeQuarantined(database, [{ ...point, raw: {} }])
            : Promise.reject(error as Error),
        )
        metrics.quarantined('refused')
        resolve([counted('quarantined')])
      })
    }
    catch (error) {
      reject(error)
    }
  }

  async function store(batch: Waiting[]) {
    const devices = await directory.find(
      batch.flatMap(({ messages }) => messages.flatMap(({ identifiers }) => identifiers)))
    const known: { waiting: Waiting, arrived: Arrived[] }[] = []
    const kept: KeptMessage[] = []
    for (const waiting of batch) {
      const { messages, token, receivedAt } = waiting
      const arrived = messages.flatMap((message) => {
        const device = deviceOf(message, devices)
        return device ? [{ device, message, receivedAt }] : []
      })
      const stranger = arrived.find(({ device }) => !holds(device, token))
      if (stranger) kept.push(...refuse(waiting, stranger))
      else if (arrived.length < messages.length) waiting.reject(new NotFoundError('device'))
      else known.push({ waiting, arrived })
    }
    const arrived = known.flatMap(one => one.arrived)
    // A message that was refused has its answer; that it is kept must cost the others nothing.
    if (arrived.length === 0) {
      if (kept.length) await storeMessages(database, [], kept).catch(notKept)
      return
    }
    const { verdicts, ...result } = await storeMessages(database, arrived, kept)
    metrics.batch(arrived.length)
    const outcomes = verdicts.map((verdict): Outcome => {
      if (verdict.kind === 'seen') return counted('seen')
      if (verdict.kind === 'quarantined') {
        metrics.quarantined(verdict.fault)
        return counted('quarantined')
      }
      if (!result.stored.has(verdict.fix)) return counted('duplicate')
      metrics.judged(verdict.fix.credibility ?? 'ok')
      return counted('stored')
    })
    let next = 0
    for (const { waiting: { messages, resolve } } of known)
      resolve(outcomes.slice(next, next += messages.length))
    publish(result)
  }

  function notKept(error: unknown) {
    log.debug({ err: error }, 'A refused message was not kept')
  }

  function refuse(waiting: Waiting, { device, message, receivedAt }: Arrived): KeptMessage[] {
    const first = !waiting.refused
    waiting.refused = true
    waiting.reject(new UnauthenticatedError(mustShow))
    if (!first) return []
    refusedTokens.add(device.id)
    const now = receivedAt.getTime()
    if (now - (keptRefusals.get(device.id) ?? 0) < keepRefusedEveryMs) return []
    if (keptRefusals.size >= maxRefusedDevices) keptRefusals.clear()
    keptRefusals.set(device.id, now)
    const reason = waiting.token === null
      ? 'the message has no token; this device must send its token'
      : 'the token of the message is not that of the device'
    const { raw } = message
    // One of the same words is kept again, with its own time: somebody still sends them.
    const id = messageId(device, { refusedAt: now, ...raw })
    return [{
      id, device, receivedAt, reason, raw, outcome: 'refused', fixTime: null, credibility: null,
    }]
  }

  function counted(outcome: Outcome): Outcome {
    metrics.outcome(outcome)
    return outcome
  }

  /** After the commit: a browser must not show what may yet be lost. */
  function publish({ moved, eventIds, happened }: StoreResult) {
    const consistencyToken = currentContext()?.consistencyToken ?? null
    for (const [organisationId, fixes] of Map.groupBy(moved, ({ device }) => device.organisationId)) {
      outbox.publish({
        eventId: eventIds.get(organisationId)!,
        organisationId,
        name: 'positions',
        data: { positions: fixes.map(toLivePosition), consistencyToken },
      })
    }
    for (const { id, organisationId, deviceEventId } of happened) {
      const data = { type: 'device-event', id: deviceEventId, change: 'created', consistencyToken } as const
      outbox.publish({ eventId: id, organisationId, name: 'changed', data })
    }
    if (happened.length) metrics.happened(happened.length)
  }

  return {
    accept: async (message, token) => (await acceptAll([message], token))[0]!,
    acceptAll,
    waiting: () => queue.length,
    async close() {
      await working
    },
  }
}

function deviceOf(message: DeviceMessage, devices: Map<string, KnownDevice>): KnownDevice | undefined {
  return message.identifiers.map(identifier => devices.get(identifier)).find(found => found !== undefined)
}

/**
 * Whether the device may speak: it needs no token, or shows the right one, or for a day the one before. A
 * token that is shown must be right even where none is needed.
 */
function holds(device: KnownDevice, token: string | null): boolean {
  const { tokenRequired, tokenHash, previousTokenHash, previousTokenUntil } = device
  if (token === null || tokenHash === null) return !tokenRequired
  const shown = Buffer.from(hashToken(token))
  if (timingSafeEqual(shown, Buffer.from(tokenHash))) return true
  if (!previousTokenHash || !previousTokenUntil || previousTokenUntil <= new Date()) return false
  return timingSafeEqual(shown, Buffer.from(previousTokenHash))
}

function toLivePosition({ device, receivedAt, fixTime, ...fix }: StoredFix): LivePosition {
  const { latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes } = fix
  return {
    vehicleId: device.vehicleId!, fixTime: fixTime.toISOString(), receivedAt: receivedAt.toISOString(),
    latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes,
  }
}
