import { createHash } from 'node:crypto'
import { v5 as uuidv5 } from 'uuid'
import type { DeviceEventKind } from '#shared/device-events.ts'
import type { Doubt, MessageOutcome, RecordedOutcome } from '#shared/device-messages.ts'
import type { Protocol } from '#shared/devices.ts'
import type { VehicleKind } from '#shared/vehicles.ts'
import { toFix, type Fault, type Fix } from './bounds.ts'
import { correctTime, durationOf } from './clock.ts'
import type { KnownDevice } from './devices.ts'
import { compareLate, compareNewer, doubtOf, type Candidate } from './judge.ts'
import type { Battery, DeviceMessage, MessageEvent } from './message.ts'
import { unknownState, type DeviceState, type Point } from './state.ts'

/** A message of a device that is known and may speak. */
export interface Arrived {
  device: KnownDevice
  message: DeviceMessage
  receivedAt: Date
  /** It came before, and is judged anew: it says nothing of the device as it is now. */
  isReplayed?: boolean
}

/** When a device was in which vehicle, in milliseconds since 1970; `to` is outside of it. */
export interface Fitted {
  vehicleId: string
  kind: VehicleKind
  from: number
  to: number
}
/** By device. */
export type Fittings = Map<string, Fitted[]>

/** A fix with the device that sent it, and the vehicle that the device was in at its time. */
export interface StoredFix extends Fix {
  device: KnownDevice
  vehicleId: string | null
  receivedAt: Date
}

export interface Quarantined {
  /** By `messageId`. */
  id: string
  device: KnownDevice
  reason: string
  raw: Record<string, unknown>
  receivedAt: Date
}

/** A message that is kept as it came although its fix is stored, or although it was refused. */
export interface KeptMessage extends Quarantined {
  outcome: MessageOutcome
  fixTime: Date | null
  credibility: Doubt | null
}

/** A message of a device that is being recorded, as it came. */
export interface RecordedMessage {
  device: KnownDevice
  /** Its place in the ring. */
  slot: number
  receivedAt: Date
  fixTime: Date | null
  outcome: RecordedOutcome
  protocol: Protocol | null
  raw: Record<string, unknown>
}

export interface StoredEvent {
  id: string
  device: KnownDevice
  vehicleId: string | null
  fixTime: Date
  receivedAt: Date
  kind: DeviceEventKind
  contentHash: string
  data: Record<string, unknown>
  place: { latitude: number, longitude: number } | null
}

/** What is known of a device after its messages. */
export interface DeviceUpdate {
  device: KnownDevice
  receivedAt: Date
  /** The newest credible fix among them. */
  fix: StoredFix | null
  protocol: Protocol | null
  clockOffsetMs: number | null
  intervalSeconds: number | null
  battery: Battery
  firmware?: string | null
  signal?: string | null
  /** JSON for `device_states.judging`. */
  memory: DeviceState['memory']
}

/** A fix of an earlier batch whose neighbour has come. */
export interface Settled {
  device: KnownDevice
  fixTime: Date
  believed: boolean
}

/** What one transaction writes. */
export interface Writes {
  fixes: StoredFix[]
  states: DeviceUpdate[]
  events: StoredEvent[]
  quarantined: Quarantined[]
  messages: KeptMessage[]
  settled: Settled[]
  recorded: RecordedMessage[]
}

/** What became of each message, by its index. */
export type Verdict
  = | { kind: 'fix', fix: StoredFix }
    | { kind: 'quarantined', fault: Fault }
    | { kind: 'seen' }

/** What the messages of one device are judged with. */
interface Timed {
  index: number
  arrived: Arrived
  fix: StoredFix | null
  candidate: Candidate | null
}

/** A fix that is older than the newest credible one, and whose neighbours are to be asked for. */
export interface Late {
  deviceId: string
  fixTime: Date
}

/** The credible fixes around a late one, by `momentKey`. */
export type Neighbours = Map<string, { before: Point | null, after: Point | null }>

/** The key of a position. */
export const momentKey = (deviceId: string, fixTime: Date) => `${deviceId} ${fixTime.getTime()}`

/**
 * The id of a message that is kept as it came, from what it says: the same message has the same one however
 * often it is stored, by this instance, by another that Nginx asked, or because the device did not hear the
 * answer.
 */
export function messageId(device: KnownDevice, raw: Record<string, unknown>): string {
  return uuidv5(JSON.stringify(raw), device.id)
}

/**
 * Judges the messages of a batch by what is known of their devices. Pure: the same messages and states give
 * the same writes. `late` is what must be asked for before `finish`.
 */
export function judgeBatch(
  arrived: Arrived[],
  states: Map<string, DeviceState>,
  fittings: Fittings,
): { late: Late[], finish(neighbours: Neighbours): { writes: Writes, verdicts: Verdict[] } } {
  const verdicts: Verdict[] = []
  const quarantined: Quarantined[] = []
  const byDevice = Map.groupBy(arrived.keys(), index => arrived[index]!.device.id)
  const devices = [...byDevice].map(([id, indexes]) => {
    const state = states.get(id) ?? unknownState
    let clock = { offsetMs: state.clockOffsetMs, run: state.memory.clock ?? null }
    const timed = indexes.map((index): Timed => {
      const { device, message, receivedAt, isReplayed } = arrived[index]!
      const corrected = correctTime(timeOf(message, device), receivedAt, clock)
      if (!isReplayed) clock = corrected.clock
      const place = message.place ?? (message.withoutPlace ? null : state.last)
      if (!place) {
        verdicts[index] = { kind: 'seen' }
        return { index, arrived: arrived[index]!, fix: null, candidate: null }
      }
      const fix = toFix(message, place, device.speedUnit, receivedAt, corrected.time)
      if ('fault' in fix) {
        const { fault, reason } = fix
        const { raw } = message
        quarantined.push({ id: messageId(device, raw), device, receivedAt, reason, raw })
        verdicts[index] = { kind: 'quarantined', fault }
        return { index, arrived: arrived[index]!, fix: null, candidate: null }
      }
      const { ahead } = corrected
      const borrowed = message.place === null
      const doubt = doubtOf(fix, { receiver: message.receiver, borrowed, ahead, receivedAt })
      const notes = [correctionOf(device), corrected.note, ...message.notes ?? []]
        .filter(note => note !== null)
      const vehicleId = vehicleAt(fittings, device, fix.fixTime)
      const stored: StoredFix = { ...fix, device, vehicleId, receivedAt, reason: notes.join('; ') || null }
      verdicts[index] = { kind: 'fix', fix: stored }
      const { latitude, longitude, accuracyMetres } = fix
      const time = Math.min(fix.fixTime.getTime(), receivedAt.getTime())
      return {
        index, arrived: arrived[index]!, fix: stored,
        candidate: { time, latitude, longitude, accuracyMetres, doubt, fixTime: fix.fixTime.getTime() },
      }
    })
    return { device: arrived[indexes[0]!]!.device, state, timed, clock }
  })

  const credible = ({ candidate }: Timed) => candidate !== null && candidate.doubt === null
  const isLate = (state: DeviceState) => ({ candidate }: Timed) =>
    state.last !== null && candidate!.time < state.last.time
  const late = devices.flatMap(({ device, state, timed }) =>
    timed.filter(credible).filter(isLate(state))
      .map(({ fix }) => ({ deviceId: device.id, fixTime: fix!.fixTime })))

  return {
    late,
    finish(neighbours) {
      const writes: Writes = {
        fixes: [], states: [], events: [], quarantined, messages: [], settled: [], recorded: [],
      }
      for (const one of devices) finishDevice(one, neighbours, writes)
      writes.fixes = onePerMoment(writes.fixes)
      return { writes, verdicts }
    },
  }

  /** Keeps the messages as they came, where somebody looks. Resolves to the number of the next one. */
  function record(timed: Timed[], begun: number, into: RecordedMessage[]): number {
    let next = begun
    for (const { index, fix, arrived: { device, message, receivedAt, isReplayed } } of timed) {
      if (isReplayed || !device.recordingUntil || device.recordingUntil <= receivedAt) continue
      const { kind } = verdicts[index]!
      const outcome = kind === 'fix' ? fix!.credibility ?? 'ok' : kind === 'seen' ? 'no-place' : kind
      into.push({
        device, slot: next++ % recordedMessagesKept, receivedAt, fixTime: fix?.fixTime ?? null, outcome,
        protocol: message.protocol ?? null, raw: message.raw,
      })
    }
    return next
  }

  function finishDevice(
    { device, state, timed, clock }: (typeof devices)[number], neighbours: Neighbours, writes: Writes,
  ) {
    const kind = kindOf(fittings, device)
    const sure = timed.filter(credible)
    judgeLate(sure.filter(isLate(state)), device, neighbours, kind)
    const newer = sure.filter(one => !isLate(state)(one))
    const { last, waiting, settled } = compareNewer(
      newer.map(({ candidate }) => candidate!),
      { last: state.last, waiting: state.memory.waiting ?? null },
      kind,
    )
    if (settled)
      writes.settled.push({
        device,
        fixTime: new Date(settled.point.fixTime ?? settled.point.time),
        believed: settled.believed,
      })

    const said = { ...state.memory.said }
    let fix: StoredFix | null = null
    for (const { arrived: { message, receivedAt }, fix: own, candidate } of timed) {
      if (own && candidate) {
        if (candidate.doubt) {
          const { credibility, reason } = candidate.doubt
          own.credibility = credibility
          own.reason = [reason, own.reason].filter(Boolean).join('; ')
          const { raw } = message
          writes.messages.push({
            id: messageId(device, raw), device, receivedAt, reason: own.reason, raw,
            outcome: 'judged', fixTime: own.fixTime, credibility,
          })
        }
        writes.fixes.push(own)
        if (own.credibility === null && (!fix || effective(own) >= effective(fix))) fix = own
      }
      const place = own ?? message.place ?? state.last
      for (const event of eventsToStore(message, said)) {
        const at = own?.fixTime ?? message.fixTime
        const fixTime = isStorable(at) ? at : receivedAt
        const vehicleId = vehicleAt(fittings, device, fixTime)
        const known = { device, vehicleId, fixTime, receivedAt, place: readable(place) }
        writes.events.push(toStored(event, known))
      }
    }
    const { clock: _clock, waiting: _waiting, said: _said, recorded: begun, ...rest } = state.memory
    const newest = timed.at(-1)!.arrived
    const recorded = record(timed, begun ?? 0, writes.recorded)
    writes.states.push({
      device,
      receivedAt: newest.receivedAt,
      fix: fix && (state.last === null || effective(fix) >= state.last.time) ? fix : null,
      protocol: newest.message.protocol ?? null,
      clockOffsetMs: clock.offsetMs,
      intervalSeconds: smoothed(state, newer, last),
      battery: batteryOf(timed, state),
      firmware: saidOf(timed, firmwareNames),
      signal: saidOf(timed, signalNames),
      memory: {
        ...rest,
        ...clock.run ? { clock: clock.run } : {},
        ...waiting ? { waiting: pointOf(waiting) } : {},
        ...Object.keys(said).length ? { said } : {},
        ...recorded ? { recorded } : {},
      },
    })
  }
}

/** The vehicle that a device was in at the time of a fix. */
export function vehicleAt(fittings: Fittings, device: KnownDevice, moment: Date): string | null {
  const time = moment.getTime()
  const fitted = fittings.get(device.id)?.find(({ from, to }) => from <= time && time < to)
  return fitted?.vehicleId ?? null
}

/** What the vehicle can do that the device is in, or was in last. */
function kindOf(fittings: Fittings, device: KnownDevice): VehicleKind | null {
  const latest = fittings.get(device.id)?.reduce((a, b) => a.from > b.from ? a : b)
  return latest?.kind ?? null
}

/** As many as a person looks through. */
export const recordedMessagesKept = 100

/** The time that the message says, by what people know of its clock. */
function timeOf({ fixTime }: DeviceMessage, { clockCorrectionSeconds = 0 }: KnownDevice): Date {
  return clockCorrectionSeconds ? new Date(fixTime.getTime() + clockCorrectionSeconds * 1000) : fixTime
}

function correctionOf({ clockCorrectionSeconds = 0 }: KnownDevice): string | null {
  if (!clockCorrectionSeconds) return null
  const by = durationOf(clockCorrectionSeconds * 1000)
  return `${by} ${clockCorrectionSeconds > 0 ? 'were added to' : 'were taken off'} the time, as the device is set`
}

/** Neighbours within the batch count, too: a device that was away sends its backlog at once. */
function judgeLate(late: Timed[], device: KnownDevice, neighbours: Neighbours, kind: VehicleKind | null) {
  const sorted = late.toSorted((a, b) => a.candidate!.time - b.candidate!.time)
  for (const [index, { candidate, fix }] of sorted.entries()) {
    const known = neighbours.get(momentKey(device.id, fix!.fixTime))
    const before = sorted.slice(0, index).findLast(one => one.candidate!.doubt === null)?.candidate ?? null
    const after = sorted[index + 1]?.candidate ?? null
    compareLate({
      before: nearer(known?.before ?? null, before, (a, b) => a.time > b.time),
      after: nearer(known?.after ?? null, after, (a, b) => a.time < b.time),
    }, candidate!, kind)
  }
}

function nearer(a: Point | null, b: Point | null, isNearer: (a: Point, b: Point) => boolean): Point | null {
  if (!a || !b) return a ?? b
  return isNearer(a, b) ? a : b
}

/** When the device was there, as far as is known: a clock may be ahead by a little. */
export function effective({ fixTime, receivedAt }: { fixTime: Date, receivedAt: Date }): number {
  return Math.min(fixTime.getTime(), receivedAt.getTime())
}

/**
 * One fix for each device and moment, which is the key: the first that is believed, else the first. They are
 * the same point, sent again, or one without a place beside it.
 */
function onePerMoment(fixes: StoredFix[]): StoredFix[] {
  const chosen = new Map<string, StoredFix>()
  for (const fix of fixes) {
    const key = momentKey(fix.device.id, fix.fixTime)
    const other = chosen.get(key)
    if (!other || (other.credibility !== null && fix.credibility === null)) chosen.set(key, fix)
  }
  return [...chosen.values()]
}

/** A state that devices repeat in every message is an event where it changes. Notes it in `said`. */
function eventsToStore(
  { events = [], fixTime }: DeviceMessage, said: NonNullable<DeviceState['memory']['said']>,
): MessageEvent[] {
  return events.filter(({ kind, data, onChange }) => {
    if (kind !== 'ignition' && kind !== 'driver') return true
    const [value] = Object.values(data)
    const before = said[kind]
    const time = fixTime.getTime()
    // What comes late says nothing of a change.
    if (Number.isNaN(time) || (before && time < before.time)) return !onChange
    said[kind] = { time, value: value! }
    return !onChange || before?.value !== value
  })
}

function toStored(
  { kind, data }: MessageEvent,
  { device, fixTime, ...rest }:
  Pick<StoredEvent, 'device' | 'vehicleId' | 'fixTime' | 'receivedAt' | 'place'>,
): StoredEvent {
  const contentHash = createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 32)
  const id = uuidv5(`${fixTime.getTime()} ${kind} ${contentHash}`, device.id)
  return { id, device, fixTime, kind, contentHash, data, ...rest }
}

function readable(place: { latitude: number, longitude: number } | null): StoredEvent['place'] {
  if (!place || Number.isNaN(place.latitude) || Number.isNaN(place.longitude)) return null
  const { latitude, longitude } = place
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : null
}

/** PostgreSQL and JavaScript agree on what lies between; also for alarms of a clock that is far off. */
function isStorable(time: Date): boolean {
  return time.getTime() >= 0 && time.getTime() < Date.UTC(2200, 0, 1)
}

function pointOf({ time, latitude, longitude, accuracyMetres, fixTime }: Point): Point {
  const point = { time, latitude, longitude, accuracyMetres }
  return fixTime === undefined || fixTime === time ? point : { ...point, fixTime }
}

/** A fifth of the newest distance: a few fixes after a device is set otherwise it shows. */
const smoothing = 0.2
const longestIntervalSeconds = 86_400

function smoothed(state: DeviceState, newer: Timed[], last: Point | null): number | null {
  let { intervalSeconds } = state
  let before = state.last?.time ?? null
  const times = newer.filter(({ candidate }) => candidate!.doubt === null)
    .map(({ candidate }) => candidate!.time).sort((a, b) => a - b)
  if (!last) return intervalSeconds
  for (const time of times) {
    const seconds = before === null ? 0 : (time - before) / 1000
    if (seconds > 0 && seconds <= longestIntervalSeconds)
      intervalSeconds
        = intervalSeconds === null ? seconds : intervalSeconds + (seconds - intervalSeconds) * smoothing
    before = time
  }
  return intervalSeconds === null ? null : Math.round(intervalSeconds * 1000) / 1000
}

/** Of the newest message that says it. A point that is sent again, with the battery, tells of it, too. */
function batteryOf(timed: Timed[], state: DeviceState): Battery {
  const said = { percent: null, volts: null } as Battery
  for (const { arrived: { message, receivedAt } } of timed) {
    const { battery, fixTime } = message
    const time = Math.min(fixTime.getTime(), receivedAt.getTime())
    if (!battery || !(time >= (state.last?.time ?? 0))) continue
    said.percent = battery.percent ?? said.percent
    said.volts = battery.volts ?? said.volts
  }
  return said
}

/** The names under which trackers say which program they run, and how well they are heard. */
const firmwareNames = ['versionFw', 'firmware', 'firmwareVersion', 'fw', 'version']
const signalNames = ['rssi', 'gsmSignal', 'gsm', 'signal', 'csq']

/** Of the newest message that says it. */
function saidOf(timed: Timed[], names: string[]): string | null {
  for (const { arrived: { message: { attributes } } } of timed.toReversed()) {
    for (const name of names) {
      const value = attributes[name]
      if (typeof value === 'number' || (typeof value === 'string' && value)) return String(value).slice(0, 64)
    }
  }
  return null
}
