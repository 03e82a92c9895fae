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
import {
  NotFoundError, TooManyRequestsError, UnauthenticatedError, UnavailableError,
} from '#shared/errors.ts'
import type { Credibility } from '#shared/device-messages.ts'
import type { LivePosition } from '#shared/vehicles.ts'
import { DeviceIdentifier } from '#shared/devices.ts'
import { hashToken } from '../devices/devices.ts'
import type { Outbox } from '#server/live/outbox.ts'
import { messageId, type Arrived, type KeptMessage, type StoredFix } from './batch.ts'
import type { Fault } from './bounds.ts'
import { createPositionDays } from './days.ts'
import { addressKeyForm, createDeviceDirectory, type KnownDevice } from './devices.ts'
import { identify, withoutContent, type Shown } from './identity.ts'
import { createBuckets, limitsOf, type IngestLimits, type LimitName } from './limits.ts'
import { eventsOf, type DeviceMessage } from './message.ts'
import { createTally } from './tally.ts'
import {
  storeHistory, storeMessages, storeQuarantined, storeUnknown, type StoreResult, type UnknownDevice,
} from './store.ts'

export type { KnownDevice }
export { addressKeyForm, createTally, eventsOf, limitsOf, storeHistory }

/**
 * What became of a message. All of them are acknowledged; `seen`: there was no place, neither in it nor
 * before it.
 */
export type Outcome = 'stored' | 'duplicate' | 'quarantined' | 'seen'

/** Where what came came from, and where to. */
export interface Sender {
  /** The key of the organisation's own address to which it came. Null: to that of all. */
  addressKey?: string | null
  /** The network address from which it came. Null: not known. */
  ipAddress?: string | null
}

export interface Ingest {
  /**
   * Resolves once the message is durably stored or quarantined.
   * @throws {NotFoundError} for an unknown device; {UnauthenticatedError} for a missing or wrong token;
   * {TooManyRequestsError} past a limit; {UnavailableError} when it should be sent again.
   */
  accept(message: DeviceMessage, token: string | null, sender?: Sender): Promise<Outcome>
  /**
   * The same for what came in one request: resolves once all of it is stored or quarantined, and refuses it
   * whole where one of its devices is not known or not proved.
   */
  acceptAll(messages: DeviceMessage[], token: string | null, sender?: Sender): Promise<Outcome[]>
  /** Messages that wait for their batch, without those that are being committed. */
  waiting(): number
  /** Waits for what is under way. */
  close(): Promise<void>
}

export interface IngestOptions {
  database: Database
  outbox: Pick<Outbox, 'publish'>
  log: Logger
  /** Absent: there are none. */
  limits?: IngestLimits
  metrics?: {
    outcome(outcome: string): void
    batch(size: number): void
    quarantined(fault: Fault): void
    judged(credibility: Credibility): void
    happened(events: number): void
    refused(why: Refusal): void
    limited(limit: LimitName): void
  }
}

/** Why messages are refused: a label of the metric. */
export const refusals = ['unknown', 'token'] as const
export type Refusal = (typeof refusals)[number]

/** What came in one request. */
interface Waiting {
  messages: DeviceMessage[]
  token: string | null
  addressKey: string | null
  ipAddress: string | null
  receivedAt: Date
  /** Its messages have been counted against the limits. */
  counted?: true
  /** Counted as refused for its token: a batch may be gone through several times. */
  refused?: true
  resolve(outcomes: Outcome[]): void
  reject(error: unknown): void
}

const noMetrics: NonNullable<IngestOptions['metrics']> = {
  outcome() {}, batch() {}, quarantined() {}, judged() {}, happened() {}, refused() {}, limited() {},
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

const mustUseAddress
  = 'This device is taken without a token at its organisation\'s own address alone, /api/ingest/org-…'

/**
 * Of a device or name whose messages are refused one is kept in this time: who guesses must not fill the
 * table.
 */
const keepRefusedEveryMs = 60_000

/** Devices and names of which that is remembered. */
const maxRefusedDevices = 10_000

/**
 * Names of which something has been taken within the hour are heard also from a network address that has
 * sent too much that was refused: other devices may share it.
 */
const trustedMs = 3_600_000
const maxTrusted = 50_000

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
  limits,
  metrics = noMetrics,
}: IngestOptions): Ingest {
  const directory = createDeviceDirectory(database)
  const days = createPositionDays(database)
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

  const buckets = limits && {
    device: createBuckets(limits.device),
    organisation: createBuckets(limits.organisation),
    address: createBuckets(limits.address),
  }
  /** By name: when something of it was last taken. */
  const trusted = new Map<string, number>()

  function limited(limit: LimitName, seconds: number): TooManyRequestsError {
    metrics.limited(limit)
    return new TooManyRequestsError(tooMany[limit], seconds)
  }

  /** The seconds after which a stranger's network address is heard again. 0: now. */
  function mustWait(messages: DeviceMessage[], ipAddress: string | null): number {
    if (!buckets || ipAddress === null) return 0
    const since = Date.now() - trustedMs
    const isStranger = messages.some(({ identifiers }) =>
      !identifiers.some(identifier => (trusted.get(identifier) ?? 0) > since))
    return isStranger ? buckets.address.wait(ipAddress) : 0
  }

  function acceptAll(
    messages: DeviceMessage[], token: string | null, { addressKey = null, ipAddress = null }: Sender = {},
  ): Promise<Outcome[]> {
    const seconds = mustWait(messages, ipAddress)
    if (seconds > 0) return Promise.reject(limited('address', seconds))
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
        addressKey,
        ipAddress,
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
        const candidates = await directory.find(message!.identifiers)
        const addresses = await directory.organisationsOf(waiting.addressKey ? [waiting.addressKey] : [])
        const found = identify(message!, candidates, shownBy(waiting, addresses))
        if (!found?.isProved) return reject(new NotFoundError('device'))
        const { device } = found
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
    const [candidates, addresses] = await Promise.all([
      directory.find(batch.flatMap(({ messages }) => messages.flatMap(({ identifiers }) => identifiers))),
      directory.organisationsOf(batch.flatMap(({ addressKey }) => addressKey ?? [])),
    ])
    const known: { waiting: Waiting, arrived: Arrived[] }[] = []
    const kept: KeptMessage[] = []
    const nameless: Nameless[] = []
    for (const waiting of batch) {
      const shown = shownBy(waiting, addresses)
      const found = waiting.messages.map(message => ({ message, ...identify(message, candidates, shown) }))
      const stranger = found.find(({ device, isProved }) => device && !isProved)
      const unknown = found.find(({ device }) => !device)
      if (stranger) kept.push(...refuse(waiting, shown, { ...stranger, device: stranger.device! }))
      else if (unknown) nameless.push(...refuseUnknown(waiting, shown, unknown.message))
      else {
        const { receivedAt } = waiting
        const arrived = found.map(({ device, message }) => ({ device: device!, message, receivedAt }))
        if (mayStore(waiting, arrived)) known.push({ waiting, arrived })
      }
    }
    const arrived = known.flatMap(one => one.arrived)
    if (arrived.length > 0) await storeArrived(known, arrived, kept)
    // What was refused has its answer; that it is kept must cost the others nothing.
    else if (kept.length) await storeMessages(database, [], kept).catch(notKept)
    if (nameless.length) await keepNameless(nameless).catch(notKept)
  }

  async function storeArrived(
    known: { waiting: Waiting, arrived: Arrived[] }[], arrived: Arrived[], kept: KeptMessage[],
  ) {
    await days.prepare(arrived.map(({ message }) => message.fixTime))
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
    trust(arrived)
    publish(result)
  }

  function notKept(error: unknown) {
    log.debug({ err: error }, 'A refused message was not kept')
  }

  /** False: it is past a limit, and has been told so. */
  function mayStore(waiting: Waiting, arrived: Arrived[]): boolean {
    // A batch may be gone through several times.
    if (!buckets || waiting.counted) return true
    waiting.counted = true
    for (const [limit, keyOf] of [
      ['device', ({ device }: Arrived) => device.id],
      ['organisation', ({ device }: Arrived) => device.organisationId],
    ] as const) {
      for (const [key, its] of Map.groupBy(arrived, keyOf)) {
        const seconds = buckets[limit].take(key, its.length)
        if (seconds === 0) continue
        waiting.reject(limited(limit, seconds))
        return false
      }
    }
    return true
  }

  function trust(arrived: Arrived[]) {
    if (!buckets) return
    if (trusted.size >= maxTrusted) trusted.clear()
    for (const { device, receivedAt } of arrived) trusted.set(device.identifier, receivedAt.getTime())
  }

  /** False: it has been counted and answered before. */
  function reject(waiting: Waiting, why: Refusal, error: Error): boolean {
    const first = !waiting.refused
    waiting.refused = true
    waiting.reject(error)
    if (!first) return false
    metrics.refused(why)
    if (waiting.ipAddress !== null) buckets?.address.take(waiting.ipAddress)
    return true
  }

  /** Whether one of these may be kept again. */
  function isDue(name: string, now: number): boolean {
    if (now - (keptRefusals.get(name) ?? 0) < keepRefusedEveryMs) return false
    if (keptRefusals.size >= maxRefusedDevices) keptRefusals.clear()
    keptRefusals.set(name, now)
    return true
  }

  function refuse(
    waiting: Waiting, { token, organisationId }: Shown,
    { device, message, isOnly }: { device: KnownDevice, message: DeviceMessage, isOnly?: boolean },
  ): KeptMessage[] {
    const { receivedAt } = waiting
    const needsAddress = !device.tokenRequired && token === null
    const error = new UnauthenticatedError(needsAddress ? mustUseAddress : mustShow)
    if (!reject(waiting, 'token', error)) return []
    // Of several organisations' devices nobody knows which one is meant: it is nobody's to see.
    if (!isOnly) return []
    refusedTokens.add(device.id)
    if (!isDue(device.id, receivedAt.getTime())) return []
    const reason = needsAddress
      ? 'the message has no token, and did not come to the organisation\'s own address'
      : token === null
        ? 'the message has no token; this device must send its token'
        : 'the token of the message is not that of the device'
    // Only the organisation's own address says that it is this organisation's to read.
    const raw = organisationId === null
      ? withoutContent(message.raw, message.identifiers) as Record<string, unknown>
      : message.raw
    return [keptRefusal(device, receivedAt, reason, raw)]
  }

  function refuseUnknown(
    waiting: Waiting, { token, organisationId }: Shown, message: DeviceMessage,
  ): Nameless[] {
    if (!reject(waiting, 'unknown', new NotFoundError('device'))) return []
    const { receivedAt } = waiting
    return [{ token, organisationId, message, receivedAt }]
  }

  /** Kept for whose it is surely: by the token, or by the address. Of anybody else's nothing is kept. */
  async function keepNameless(all: Nameless[]): Promise<void> {
    const due = all.filter(({ token, receivedAt }) =>
      token !== null && isDue(`token ${hashToken(token)}`, receivedAt.getTime()))
    const owners = await directory.byTokens(due.map(({ token }) => token!))
    const kept: KeptMessage[] = []
    const unknown: UnknownDevice[] = []
    for (const { token, organisationId, message, receivedAt } of all) {
      const { identifiers: [identifier], protocol = null, raw } = message
      const owner = token === null ? undefined : owners.get(token)
      if (owner && (organisationId === null || organisationId === owner.organisationId)) {
        const reason = `the message names ${shorten(identifier!)}; its token is that of this device, whose `
          + `identifier is ${shorten(owner.identifier)}`
        kept.push(keptRefusal(owner, receivedAt, reason, raw))
      }
      else if (
        organisationId !== null && organisationId !== nobody
        // What could be no device's identifier cannot be made one.
        && DeviceIdentifier.safeParse(identifier).success
        && isDue(`${organisationId} ${identifier}`, receivedAt.getTime())
      ) unknown.push({ organisationId, identifier: identifier!, protocol, receivedAt, raw })
    }
    if (kept.length) await storeMessages(database, [], kept)
    if (unknown.length) await storeUnknown(database, unknown)
  }

  function keptRefusal(
    device: KnownDevice, receivedAt: Date, reason: string, raw: Record<string, unknown>,
  ): KeptMessage {
    // One of the same words is kept again, with its own time: somebody still sends them.
    const id = messageId(device, { refusedAt: receivedAt.getTime(), ...raw })
    return {
      id, device, receivedAt, reason, raw, outcome: 'refused', fixTime: null, credibility: null,
    }
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
    accept: async (message, token, sender) => (await acceptAll([message], token, sender))[0]!,
    acceptAll,
    waiting: () => queue.length,
    async close() {
      await working
    },
  }
}

/** The id of no organisation: an address that is nobody's is not that of all. */
const nobody = '00000000-0000-0000-0000-000000000000'

const tooMany: Record<LimitName, string> = {
  device: 'This device sends more messages than are taken. Send them again, later.',
  organisation: 'This organisation\'s devices send more messages than are taken. Send them again, later.',
  address: 'Too many messages from this address were refused. Check identifier and token, and try again later.',
}

/** A message that names no device that may be meant. */
interface Nameless extends Shown {
  message: DeviceMessage
  receivedAt: Date
}

function shownBy({ token, addressKey }: Waiting, addresses: Map<string, string>): Shown {
  return { token, organisationId: addressKey === null ? null : addresses.get(addressKey) ?? nobody }
}

/** As much of a name as a person reads. */
function shorten(identifier: string): string {
  return identifier.length > 64 ? `${identifier.slice(0, 63)}…` : identifier
}

function toLivePosition({ vehicleId, receivedAt, fixTime, ...fix }: StoredFix): LivePosition {
  const { latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes } = fix
  return {
    vehicleId: vehicleId!, fixTime: fixTime.toISOString(), receivedAt: receivedAt.toISOString(),
    latitude, longitude, speedKmh, courseDegrees, altitudeMetres, accuracyMetres, attributes,
  }
}
