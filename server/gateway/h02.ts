import { createAttributes, eventsOf, type DeviceMessage } from '#server/fleet/ingest/message.ts'
import { rawBytes } from './cursor.ts'
import { DecodeError, type Cut, type Frame, type TrackerCommand, type TrackerDecoder } from './protocol.ts'

/*
 * H02, which the small trackers of many makers speak, over TCP and UDP. Two forms in one stream:
 *
 *   *HQ,<id>,<kind>,<hhmmss>,<A|V>,<ddmm.mmmm>,<N|S>,<dddmm.mmmm>,<E|W>,<knots>,<course>,<ddmmyy>,<state>…#
 *   $ and binary-coded decimals: id (5), hhmmss, ddmmyy, ddmmmmmm, battery (1), dddmmmmm and four flags,
 *   knots and course in three digits each, state (4), and what the maker adds: 32, 45 or 48 bytes
 *
 * Every message says who sends it; there is no login, and of a position no acknowledgement.
 */

const text = 0x2A // *
const binary = 0x24 // $
const end = 0x23 // #

/** The longest is the list of neighbouring cells, or the answer to a command. */
const maxFrameBytes = 2_048

/** The binary form has no length of its own. */
const binaryBytes = [32, 45, 48]

const isBetween = (byte: number) => byte === 0x0D || byte === 0x0A || byte === 0x20 || byte === 0

function cut(bytes: Buffer): Cut {
  if (bytes.length === 0) return null
  // Between two frames some put the end of a line.
  const begin = bytes.findIndex(byte => !isBetween(byte))
  if (begin === -1) return { size: bytes.length }
  if (begin > 0) return { size: begin }
  if (bytes[0] === text) {
    const at = bytes.indexOf(end)
    if (at !== -1 && at < maxFrameBytes) return { size: at + 1 }
    if (bytes.length >= maxFrameBytes) throw new DecodeError('length', 'a message without an end')
    return null
  }
  if (bytes[0] !== binary) throw new DecodeError('framing', 'no message begins here')
  // It ends where the next one begins, or with what has come.
  const begins = (at: number) => bytes[at] === text || bytes[at] === binary
  const size = binaryBytes.find(length => bytes.length === length)
    ?? binaryBytes.find(length => bytes.length > length && begins(length))
  if (size) return { size }
  if (bytes.length > binaryBytes.at(-1)!)
    throw new DecodeError('framing', 'the message does not end where another one begins')
  return null
}

function resume(bytes: Buffer): number {
  const at = bytes.findIndex((byte, index) => index > 0 && (byte === text || byte === binary))
  return at === -1 ? bytes.length : at
}

function read(frame: Buffer, _identifier: string | null, now: Date): Frame {
  if (isBetween(frame[0]!)) return { kind: 'keep-alive', answer: null }
  return frame[0] === binary ? readBinary(frame) : readText(frame, now)
}

function readDatagram(datagram: Buffer, now: Date): Frame[] {
  const frames: Frame[] = []
  for (let rest = datagram; rest.length > 0;) {
    const found = cut(rest)
    if (!found) throw new DecodeError('framing', 'the datagram ends in the middle of a message')
    frames.push(read(rest.subarray(0, found.size), null, now))
    rest = rest.subarray(found.size)
  }
  return frames
}

/** Kinds that have the fields of a position from the time on. */
const positionKinds = /^V(1|2|6|8|19)$|^VI1$/

function readText(frame: Buffer, now: Date): Frame {
  const line = frame.toString('latin1').slice(1, -1)
  const [, identifier = '', kind = '', ...fields] = line.split(',').map(field => field.trim())
  if (!/^[\w-]{1,32}$/.test(identifier)) throw new DecodeError('login', 'the message names no tracker')
  const raw = rawBytes('h02', identifier, frame)
  const stored = (message: DeviceMessage): Frame =>
    ({ kind: 'records', messages: [message], acknowledge: null })
  if (positionKinds.test(kind)) return stored(positionOf(fields, identifier, now, raw))
  if (kind === 'VP1') return stored(dayOf(fields, identifier, now, raw))
  // Its answer to a command, with its position behind it.
  if (kind === 'V4') {
    const from = fields.findIndex((field, index) => /^[AV]$/.test(field) && /^\d{6}$/.test(fields[index - 1] ?? ''))
    if (from === -1) return { kind: 'command-answer', text: fields.join(','), answer: null }
    return stored(positionOf(fields.slice(from - 1), identifier, now, raw))
  }
  if (kind === 'SMS') return { kind: 'command-answer', text: fields.join(','), answer: null }
  if (kind === 'HTBT' || kind === 'LINK') {
    // A heartbeat is repeated to the tracker as it came; LINK tells its signal, satellites and battery.
    const battery = Number(kind === 'HTBT' ? fields[0] : fields[3])
    const percent = Number.isInteger(battery) && battery > 0 && battery <= 100 ? battery : null
    const message = withoutPlace(identifier, now, raw, percent)
    return { kind: 'records', messages: [message], acknowledge: kind === 'HTBT' ? Buffer.from(frame) : null }
  }
  // Cells alone: no place of its own.
  if (['V0', 'V3', 'NBR', 'BASE', 'XT'].includes(kind)) return { kind: 'keep-alive', answer: null }
  throw new DecodeError('unsupported', `a message of kind ${JSON.stringify(kind.slice(0, 8))}`)
}

function positionOf(
  fields: string[], identifier: string, now: Date, raw: Record<string, unknown>,
): DeviceMessage {
  const [clock = '', fixed = '', latitude = '', north = '', longitude = '', east = '', speed = ''] = fields
  const [, , , , , , , course = '', day = '', ...rest] = fields
  // Some firmware has the number of a coding scheme there, and says nothing of its fix.
  const valid = fixed === 'A' ? true : fixed === 'V' ? false : null
  // As long as they have no place some say none, and others zeros.
  const place = !Number(latitude) && !Number(longitude) && valid !== true && !/\d-\d/.test(latitude)
    ? null
    : { latitude: degreesOf(latitude, /^S$/i.test(north)), longitude: degreesOf(longitude, /^W$/i.test(east)) }
  const state = rest.find(field => /^[0-9a-f]{8}$/i.test(field))
  if (!place) return withoutPlace(identifier, now, raw, null)
  return messageOf({
    identifier, place, valid, fixTime: day === '' || clock === '' ? now : timeOf(day, clock),
    knots: numberOf(speed), course: numberOf(course),
    state: state === undefined ? null : Number.parseInt(state, 16), battery: null, raw,
  })
}

/** VP1: the day alone, and so the message's own moment. A place by satellites, or cells. */
function dayOf(fields: string[], identifier: string, now: Date, raw: Record<string, unknown>): DeviceMessage {
  const [fixed, latitude = '', north = '', longitude = '', east = '', speed = '', course = ''] = fields
  if (fixed !== 'A') return withoutPlace(identifier, now, raw, null)
  return messageOf({
    identifier, valid: true, fixTime: now,
    place: { latitude: degreesOf(latitude, north === 'S'), longitude: degreesOf(longitude, east === 'W') },
    knots: numberOf(speed), course: numberOf(course), state: null, battery: null, raw,
  })
}

/** The four flags behind the longitude. */
const flags = { valid: 0x2, north: 0x4, east: 0x8 } as const

function readBinary(frame: Buffer): Frame {
  const digits = frame.toString('hex')
  // The last digit of the longitude's bytes is no digit but its flags.
  const [, identifier = '', clock = '', day = '', latitude = '', battery = '', longitude = '', flag = '', rest = '']
    = /^24(\d{10})(\d{6})(\d{6})(\d{8})([0-9a-f]{2})(\d{9})([0-9a-f])([0-9a-f]+)$/.exec(digits) ?? []
  if (!identifier) throw new DecodeError('content', 'digits of the message are none')
  const said = Number.parseInt(flag, 16)
  const level = Number.parseInt(battery, 16)
  const message = messageOf({
    identifier,
    place: {
      latitude: degreesOf(`${latitude.slice(0, 4)}.${latitude.slice(4)}`, !(said & flags.north)),
      longitude: degreesOf(`${longitude.slice(0, 5)}.${longitude.slice(5)}`, !(said & flags.east)),
    },
    valid: (said & flags.valid) !== 0,
    fixTime: timeOf(day, clock),
    knots: numberOf(rest.slice(0, 3)),
    course: numberOf(rest.slice(3, 6)),
    state: Number.parseInt(rest.slice(6, 14), 16),
    battery: level > 0 && level <= 6 ? Math.round(level * 100 / 6) : null,
    raw: rawBytes('h02', identifier, frame),
  })
  return { kind: 'records', messages: [message], acknowledge: null }
}

interface Said {
  identifier: string
  place: { latitude: number, longitude: number }
  /** Null: it does not say. */
  valid: boolean | null
  fixTime: Date
  knots: number | null
  course: number | null
  state: number | null
  battery: number | null
  raw: Record<string, unknown>
}

const kmhPerKnot = 1.852

function messageOf({
  identifier, place, valid, fixTime, knots, course, state, battery, raw,
}: Said): DeviceMessage {
  const { values: attributes, add } = createAttributes()
  if (valid === false) add('valid', false)
  add('battery', battery)
  addState(state, add)
  return {
    identifiers: [identifier],
    place,
    fixTime,
    speed: knots === null ? null : { value: knots * kmhPerKnot, unit: 'kmh' },
    courseDegrees: course !== null && course <= 360 ? course : null,
    altitudeMetres: null,
    accuracyMetres: null,
    attributes,
    receiver: { valid, satellites: null, hdop: null },
    battery: { percent: battery, volts: null },
    events: eventsOf(attributes),
    protocol: 'h02',
    raw,
  }
}

function withoutPlace(
  identifier: string, now: Date, raw: Record<string, unknown>, battery: number | null,
): DeviceMessage {
  return {
    identifiers: [identifier], place: null, withoutPlace: true, fixTime: now, speed: null,
    courseDegrees: null, altitudeMetres: null, accuracyMetres: null,
    attributes: battery === null ? {} : { battery }, battery: { percent: battery, volts: null },
    protocol: 'h02', raw,
  }
}

/** In the 32 bits of the state a 0 means that it is so, except for the ignition. */
function addState(state: number | null, add: (name: string, value: unknown) => void) {
  if (state === null || Number.isNaN(state)) return
  const isSo = (bit: number) => ((state >>> bit) & 1) === 0
  if (isSo(1) || isSo(18)) add('alarm', 'sos')
  else if (isSo(19)) add('alarm', 'powerCut')
  else if (isSo(2)) add('alarm', 'overspeed')
  else if (isSo(0)) add('alarm', 'vibration')
  add('ignition', ((state >>> 10) & 1) === 1)
}

/** `ddmm.mmmm`; one maker writes `-dd-mm.mmmm`. NaN where it is neither. */
function degreesOf(value: string, negative: boolean): number {
  const [, degrees, minutes] = /^(\d{0,3})(\d{2}\.\d+)$/.exec(value)
    ?? /^(\d{1,3})(\d\.\d+)$/.exec(value)
    ?? /^-?(\d{1,3})-(\d{1,2}\.\d+)$/.exec(value) ?? []
  if (minutes === undefined || Number(minutes) >= 60) return Number.NaN
  const found = Number(degrees) + Number(minutes) / 60
  return negative ? -found : found
}

/** `ddmmyy` and `hhmmss`. Invalid where they are no date. */
function timeOf(day: string, clock: string): Date {
  const [, date, month, year] = /^(\d\d)(\d\d)(\d\d)$/.exec(day) ?? []
  const [, hour, minute, second] = /^(\d\d)(\d\d)(\d\d)$/.exec(clock) ?? []
  const written = `20${year}-${month}-${date}T${hour}:${minute}:${second}.000Z`
  const time = new Date(written)
  return Number.isNaN(time.getTime()) || time.toISOString() !== written ? new Date(Number.NaN) : time
}

function numberOf(value: string): number | null {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : null
}

/** `*HQ,<id>,<command>#`; a command has its parameters behind commas. */
function encodeCommand({ identifier, text: command }: TrackerCommand): Buffer {
  if (/[*#$]/.test(command)) throw new DecodeError('content', 'a command holds none of * # $')
  return Buffer.from(`*HQ,${identifier},${command}#`, 'ascii')
}

export const h02: TrackerDecoder = {
  name: 'h02', maxFrameBytes, sendsAgain: false, cut, resume, read, readDatagram, encodeCommand,
}
