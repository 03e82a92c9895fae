import { createAttributes, eventsOf, type DeviceMessage } from '#server/fleet/ingest/message.ts'
import { crc16X25 } from './checksum.ts'
import { createCursor, rawBytes, type Cursor } from './cursor.ts'
import { DecodeError, type Cut, type Frame, type TrackerCommand, type TrackerDecoder } from './protocol.ts'

/*
 * GT06, as Concox' trackers and their many descendants speak it (manufacturer's "GPS Tracker Communication
 * Protocol"), over TCP:
 *
 *   7878 length (1) | 7979 length (2), then what the length counts: kind (1), content, serial (2),
 *   CRC-16/X-25 (2); then 0D0A
 *
 * The answer to a message repeats its kind and serial. A tracker does not wait for that of a position: what
 * it has handed to its connection it forgets.
 */

const short = 0x7878
const long = 0x7979
const stop = 0x0D0A

/** Frames with pictures and files are longer than this, and are not read here. */
const maxFrameBytes = 4_096

const kinds = {
  login: 0x01,
  gps: 0x10,
  gpsLbs: 0x12,
  status: 0x13,
  text: 0x15,
  alarm: 0x16,
  longText: 0x21,
  gpsLbs2: 0x22,
  status2: 0x23,
  alarm2: 0x26,
  alarmFence: 0x27,
  gpsLbs3: 0x2D,
  gpsLbs4: 0x31,
  time: 0x8A,
  information: 0x94,
  gps4g: 0xA0,
  alarm4g: 0xA4,
} as const

const positions: number[]
  = [kinds.gps, kinds.gpsLbs, kinds.gpsLbs2, kinds.gpsLbs3, kinds.gpsLbs4, kinds.gps4g]
const alarmKinds: number[] = [kinds.alarm, kinds.alarm2, kinds.alarmFence, kinds.alarm4g]

/** The header, a kind, the serial, the checksum and the end. */
const leastBytes = 10

function cut(bytes: Buffer): Cut {
  if (bytes.length < 2) return null
  const start = bytes.readUInt16BE(0)
  if (start !== short && start !== long) throw new DecodeError('framing', 'no frame begins here')
  const header = start === short ? 3 : 4
  if (bytes.length < header) return null
  const length = start === short ? bytes.readUInt8(2) : bytes.readUInt16BE(2)
  const size = header + length + 2
  if (size > maxFrameBytes) throw new DecodeError('length', `a frame of ${size} bytes`)
  if (bytes.length < size) return null
  if (size < leastBytes || bytes.readUInt16BE(size - 2) !== stop)
    throw new DecodeError('framing', 'the frame does not end where it says')
  return { size }
}

function resume(bytes: Buffer): number {
  const next = [short, long].map(start => bytes.indexOf(Buffer.from([start >> 8, start & 0xFF]), 1))
    .filter(at => at !== -1)
  return next.length ? Math.min(...next) : bytes.length
}

function read(frame: Buffer, identifier: string | null, now: Date): Frame {
  const header = frame.readUInt16BE(0) === short ? 3 : 4
  const checked = frame.subarray(2, -4)
  const content = frame.subarray(header + 1, -6)
  const kind = frame.readUInt8(header)
  if (crc16X25(checked) !== frame.readUInt16BE(frame.length - 4))
    return { kind: 'faulty', fault: 'checksum', answer: null }
  const reply = (more: Buffer = Buffer.alloc(0)) =>
    frameOf(kind, more, frame.readUInt16BE(frame.length - 6))

  if (kind === kinds.login)
    return { kind: 'login', identifier: imeiOf(content), admit: reply(), refuse: null }
  if (kind === kinds.time) return { kind: 'keep-alive', answer: reply(Buffer.from(clockOf(now))) }
  if (identifier === null) throw new DecodeError('login', 'a message before the login')
  if (kind === kinds.text || kind === kinds.longText)
    return { kind: 'command-answer', text: textOf(content, kind), answer: null }
  // About the tracker itself, without a place.
  if (kind === kinds.information) return { kind: 'keep-alive', answer: null }
  const raw = rawBytes('gt06', identifier, frame)
  if (kind === kinds.status || kind === kinds.status2)
    return { kind: 'records', messages: [statusOf(content, identifier, now, raw)], acknowledge: reply() }
  if (positions.includes(kind) || alarmKinds.includes(kind)) {
    // Without its content it only says that the tracker is there.
    if (content.length === 0) return { kind: 'keep-alive', answer: reply() }
    return { kind: 'records', messages: [positionOf(content, kind, identifier, raw)], acknowledge: reply() }
  }
  throw new DecodeError('unsupported', `a message of kind 0x${kind.toString(16)}`)
}

/** Fifteen digits in eight bytes, after a zero. */
function imeiOf(content: Buffer): string {
  const digits = createCursor(content).bytes(8).toString('hex')
  if (!/^\d{16}$/.test(digits)) throw new DecodeError('login', 'the IMEI is not made of digits')
  return digits.replace(/^0/, '')
}

function clockOf(now: Date): number[] {
  return [
    now.getUTCFullYear() - 2000, now.getUTCMonth() + 1, now.getUTCDate(),
    now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds(),
  ]
}

/** Invalid where it is no date: 31 June, or a receiver that has none yet. */
function timeOf(cursor: Cursor): Date {
  const [year = 0, month = 0, ...rest] = cursor.bytes(6)
  const [day = 0, hour = 0, minute = 0, second = 0] = rest
  const time = new Date(Date.UTC(2000 + year, month - 1, day, hour, minute, second))
  const isDate = time.getUTCMonth() === month - 1 && time.getUTCDate() === day && hour < 24
    && minute < 60 && second < 60
  return isDate ? time : new Date(Number.NaN)
}

/** What the two bytes of the course say beside it. */
const courseFlags = { positioned: 0x1000, west: 0x0800, north: 0x0400, course: 0x03FF } as const

/** A degree in the unit of places: 1/30,000 of a minute. */
const degree = 1_800_000

const alarmNames: Record<number, string> = {
  0x01: 'sos', 0x02: 'powerCut', 0x03: 'vibration', 0x04: 'geofenceEnter', 0x05: 'geofenceExit',
  0x06: 'overspeed', 0x09: 'tow', 0x0A: 'gpsLost', 0x0B: 'gpsRestored', 0x0C: 'powerOn',
  0x0E: 'lowPower', 0x0F: 'lowPower', 0x10: 'simChanged', 0x11: 'powerOff', 0x12: 'lowPower',
  0x13: 'tampering', 0x14: 'door', 0x15: 'powerOff', 0x16: 'sound', 0x17: 'fakeCell', 0x18: 'tampering',
  0x19: 'lowBattery', 0x23: 'fall', 0x25: 'tampering', 0x29: 'hardAcceleration', 0x2A: 'hardCornering',
  0x2B: 'hardCornering', 0x2C: 'accident', 0x30: 'hardBraking',
}

function positionOf(
  content: Buffer, kind: number, identifier: string, raw: Record<string, unknown>,
): DeviceMessage {
  const cursor = createCursor(content)
  const fixTime = timeOf(cursor)
  const satellites = cursor.u8() & 0x0F
  const north = cursor.u32() / degree
  const east = cursor.u32() / degree
  const speed = cursor.u8()
  const course = cursor.u16()
  const valid = (course & courseFlags.positioned) !== 0
  const { values: attributes, add } = createAttributes()
  add('satellites', satellites)
  if (!valid) add('valid', false)
  if (alarmKinds.includes(kind)) readAlarm(cursor, kind, add)
  else if (kind === kinds.gpsLbs2 || kind === kinds.gps4g) readAfterCell(cursor, kind, add)
  const { battery } = attributes
  return {
    identifiers: [identifier],
    place: {
      latitude: course & courseFlags.north ? north : -north,
      longitude: course & courseFlags.west ? -east : east,
    },
    fixTime,
    speed: { value: speed, unit: 'kmh' },
    courseDegrees: (course & courseFlags.course) <= 360 ? course & courseFlags.course : null,
    altitudeMetres: null,
    accuracyMetres: null,
    attributes,
    receiver: { valid, satellites, hdop: null },
    battery: { percent: typeof battery === 'number' ? battery : null, volts: null },
    events: eventsOf(attributes),
    protocol: 'gt06',
    raw,
  }
}

type Add = (name: string, value: unknown) => void

/** The radio cell; with 4G it is longer. Its first bit says that the network's code has two bytes. */
function readCell(cursor: Cursor, kind: number, add: Add) {
  const country = cursor.u16()
  const mnc = country & 0x8000 ? cursor.u16() : cursor.u8()
  const is4g = kind === kinds.gps4g || kind === kinds.alarm4g
  const lac = is4g ? cursor.u32() : cursor.u16()
  const cid = is4g ? Number(cursor.u64()) : cursor.u24()
  const mcc = country & 0x7FFF
  if (mcc) add('cells', [{ mcc, mnc, lac, cid }])
}

/** After the cell: the ignition, why it was sent, whether it comes late, and the distance driven. */
function readAfterCell(cursor: Cursor, kind: number, add: Add) {
  const rest = kind === kinds.gps4g ? 16 : 8
  if (cursor.left() < rest + 1) return
  readCell(cursor, kind, add)
  if (cursor.left() < 1) return
  add('ignition', cursor.u8() === 1)
  if (cursor.left() < 6) return
  cursor.skip(1)
  if (cursor.u8() === 1) add('buffered', true)
  add('odometerMetres', cursor.u32())
}

/** The cell with its length before it, then the state and what the alarm is. */
function readAlarm(cursor: Cursor, kind: number, add: Add) {
  // Descendants shorten what follows the place: then the alarm is known by its kind alone.
  if (cursor.left() < 6) return add('alarm', 'general')
  const length = Math.max(0, cursor.u8() - 1)
  const isCell = kind === kinds.alarm4g ? length === 15 || length === 16 : length === 8
  if (isCell && cursor.left() >= length) readCell(cursor, kind, add)
  else cursor.skip(Math.min(length || 8, cursor.left()))
  const rest = cursor.bytes(cursor.left())
  if (rest.length < 5) return add('alarm', 'general')
  // A byte more by newer trackers: what is before the last two differs from maker to maker.
  const newer = rest.length === 6 && (kind === kinds.alarm || kind === kinds.alarm2)
  const state = rest[0]!
  if (!newer) {
    addState(state, add)
    addLevel(rest[1]!, add)
    add('gsmSignal', rest[2])
  }
  const alarm = rest[newer ? 4 : 3]!
  // The first trackers have no byte for it, and say it in their state.
  const inState = newer ? undefined : stateAlarms[(state >> 3) & 7]
  add('alarm', alarm ? alarmNames[alarm] ?? `alarm${alarm}` : inState)
}

const stateAlarms: Record<number, string> = { 1: 'vibration', 2: 'powerCut', 3: 'lowBattery', 4: 'sos' }

function addState(state: number, add: Add) {
  add('ignition', (state & 0x02) !== 0)
  add('charge', (state & 0x04) !== 0)
  if (state & 0x80) add('immobilised', true)
}

/** Six levels of charge, from none to full; more is a percentage by newer trackers. */
function addLevel(level: number, add: Add) {
  if (level <= 100) add('battery', level <= 6 ? Math.round(level * 100 / 6) : level)
}

/** A heartbeat: its content differs from the third byte on. It says nothing of a place and has no time. */
function statusOf(
  content: Buffer, identifier: string, now: Date, raw: Record<string, unknown>,
): DeviceMessage {
  const { values: attributes, add } = createAttributes()
  if (content.length === 5 || content.length === 6) {
    addState(content[0]!, add)
    addLevel(content[1]!, add)
  }
  const { battery } = attributes
  return {
    identifiers: [identifier],
    place: null,
    withoutPlace: true,
    fixTime: now,
    speed: null,
    courseDegrees: null,
    altitudeMetres: null,
    accuracyMetres: null,
    attributes,
    battery: { percent: typeof battery === 'number' ? battery : null, volts: null },
    events: eventsOf(attributes),
    protocol: 'gt06',
    raw,
  }
}

/** After a length and the server's flag, which came with the command; the long form has an encoding there. */
function textOf(content: Buffer, kind: number): string {
  return content.subarray(5, kind === kinds.text ? -2 : undefined).toString('latin1').trim()
}

function frameOf(kind: number, content: Buffer, serial: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([content.length + 5, kind]), content, Buffer.from([serial >> 8, serial & 0xFF]),
  ])
  const crc = crc16X25(body)
  return Buffer.concat([Buffer.from([0x78, 0x78]), body, Buffer.from([crc >> 8, crc & 0xFF, 0x0D, 0x0A])])
}

const commandKind = 0x80

/** The server's flag comes back with the answer; then the command, and the language. */
function encodeCommand({ text, serial }: TrackerCommand): Buffer {
  const command = Buffer.from(text, 'ascii')
  if (command.length > 200) throw new DecodeError('length', 'a command has 200 characters at most')
  const flag = Buffer.alloc(4)
  flag.writeUInt32BE(serial)
  const content = Buffer.concat([Buffer.from([command.length + 4]), flag, command, Buffer.from([0, 2])])
  return frameOf(commandKind, content, serial & 0xFFFF)
}

export const gt06: TrackerDecoder = {
  name: 'gt06', maxFrameBytes, sendsAgain: false, cut, resume, read, encodeCommand,
}
