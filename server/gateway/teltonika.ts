import { createAttributes, eventsOf, type DeviceMessage } from '#server/fleet/ingest/message.ts'
import { crc16Arc } from './checksum.ts'
import { createCursor, rawBytes, type Cursor } from './cursor.ts'
import { DecodeError, type Cut, type Frame, type TrackerCommand, type TrackerDecoder } from './protocol.ts'
import { alarms, driverElements, elements } from './teltonika-elements.ts'

/*
 * Teltonika, by the manufacturer's own description (wiki.teltonika-gps.com, "Teltonika Data Sending
 * Protocols"): Codec 8, 8 Extended and 16 for records, 12 for commands and their answers, over TCP and UDP.
 *
 *   login    length (2) IMEI (ASCII)                               answered 01 or 00
 *   packet   0000 0000, length (4), codec (1), count (1), records, count (1), CRC-16/ARC (4)
 *   datagram length (2), packet id (2), 01, AVL packet id (1), length of IMEI (2), IMEI, codec … count
 *   ping     FF
 *
 * A packet is answered with the number of its records that are stored; the tracker sends again what was not.
 */

const codecs = { c8: 0x08, c8Extended: 0x8E, c12: 0x0C, c16: 0x10 } as const

/** The largest packet is 1,280 bytes by the description; newer devices are said to send more at once. */
const maxFrameBytes = 16_384

const emptyHeader = 8
const checksumBytes = 4
const ping = 0xFF

function cut(bytes: Buffer): Cut {
  if (bytes.length === 0) return null
  if (bytes[0] === ping) return { size: 1 }
  if (bytes.length < 4) return null
  if (bytes.readUInt32BE(0) !== 0) {
    const digits = bytes.readUInt16BE(0)
    if (digits < 5 || digits > 32) throw new DecodeError('framing', 'neither a login nor a packet begins here')
    return bytes.length >= 2 + digits ? { size: 2 + digits } : null
  }
  if (bytes.length < emptyHeader) return null
  const size = emptyHeader + bytes.readUInt32BE(4) + checksumBytes
  if (size > maxFrameBytes) throw new DecodeError('length', `a packet of ${size} bytes`)
  return bytes.length >= size ? { size } : null
}

function read(frame: Buffer, identifier: string | null): Frame {
  if (frame.length === 1 && frame[0] === ping) return { kind: 'keep-alive', answer: null }
  if (frame.readUInt16BE(0) !== 0) {
    return {
      kind: 'login', identifier: imeiOf(frame.subarray(2)), admit: Buffer.from([1]), refuse: Buffer.from([0]),
    }
  }
  if (identifier === null) throw new DecodeError('login', 'a packet before the login')
  const data = frame.subarray(emptyHeader, -checksumBytes)
  const repeat = countOf(0)
  if (crc16Arc(data) !== frame.readUInt32BE(frame.length - checksumBytes))
    return { kind: 'faulty', fault: 'checksum', answer: repeat }
  if (data[0] === codecs.c12) return { kind: 'command-answer', text: commandAnswer(data), answer: null }
  const messages = readRecords(data, identifier)
  return { kind: 'records', messages, acknowledge: countOf(messages.length) }
}

/** In a datagram each packet says who sends it, and nothing guards it but UDP's own checksum. */
function readDatagram(datagram: Buffer): Frame[] {
  const cursor = createCursor(datagram)
  const length = cursor.u16()
  if (length !== cursor.left()) throw new DecodeError('framing', 'the length is not that of the datagram')
  const packetId = cursor.u16()
  cursor.skip(1)
  const avlPacketId = cursor.u8()
  const identifier = imeiOf(cursor.bytes(cursor.u16()))
  const messages = readRecords(cursor.bytes(cursor.left()), identifier)
  const acknowledge = Buffer.from([0, 5, packetId >> 8, packetId & 0xFF, 1, avlPacketId, messages.length])
  return [{ kind: 'records', messages, acknowledge }]
}

function imeiOf(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  if (!/^\d{5,32}$/.test(text)) throw new DecodeError('login', 'the IMEI is not made of digits')
  return text
}

function countOf(records: number): Buffer {
  const answer = Buffer.alloc(4)
  answer.writeUInt32BE(records)
  return answer
}

/** From the codec to the second count. All of them, or a {DecodeError}. */
function readRecords(data: Buffer, identifier: string): DeviceMessage[] {
  const cursor = createCursor(data)
  const codec = cursor.u8()
  if (codec !== codecs.c8 && codec !== codecs.c8Extended && codec !== codecs.c16)
    throw new DecodeError('unsupported', `codec ${codec}`)
  const count = cursor.u8()
  const messages = Array.from({ length: count }, () => {
    const from = cursor.at()
    const message = readRecord(cursor, codec, identifier)
    return { ...message, raw: rawBytes('teltonika', identifier, data.subarray(from, cursor.at()), { codec }) }
  })
  if (cursor.u8() !== count || cursor.left() !== 0)
    throw new DecodeError('content', 'the records are not as many as the packet says')
  return messages
}

/** Ten-millionths of a degree. */
const degrees = 1e7

function readRecord(cursor: Cursor, codec: number, identifier: string): Omit<DeviceMessage, 'raw'> {
  const fixTime = new Date(Number(cursor.u64()))
  const priority = cursor.u8()
  const longitude = cursor.i32() / degrees
  const latitude = cursor.i32() / degrees
  const altitudeMetres = cursor.i16()
  const course = cursor.u16()
  const satellites = cursor.u8()
  const speed = cursor.u16()
  const { event, values } = readElements(cursor, codec)

  const { values: attributes, add } = createAttributes()
  const numberOf = (id: number) => {
    const value = values.get(id)
    return value && value.length <= 6 ? value.readUIntBE(0, value.length) : null
  }
  // A place without satellites is the last one that it knew.
  const valid = satellites > 0
  add('satellites', satellites)
  if (!valid) add('valid', false)
  if (priority) add('priority', priority)
  if (event) add('event', event)
  const alarm = event in alarms ? alarms[event]!(numberOf(event) ?? 0) : null
  add('alarm', priority === 2 ? alarm ?? 'sos' : alarm)
  for (const id of driverElements) {
    const card = values.get(id)
    if (card?.some(byte => byte !== 0)) add('driverUniqueId', card.toString('hex'))
  }
  for (const [id, value] of values) if (!driverElements.includes(id)) addElement(add, id, value)

  const { hdop, battery, batteryVolts } = attributes
  return {
    identifiers: [identifier],
    place: { latitude, longitude },
    fixTime,
    speed: { value: speed, unit: 'kmh' },
    courseDegrees: course <= 360 ? course : null,
    altitudeMetres,
    accuracyMetres: null,
    attributes,
    receiver: { valid, satellites, hdop: typeof hdop === 'number' && hdop > 0 ? hdop : null },
    battery: {
      percent: typeof battery === 'number' && battery <= 100 ? battery : null,
      volts: typeof batteryVolts === 'number' ? batteryVolts : null,
    },
    events: eventsOf(attributes),
    protocol: 'teltonika',
  }
}

/** The IO elements in their order: those of 1, 2, 4 and 8 bytes, and with 8 Extended of any length. */
function readElements(cursor: Cursor, codec: number): { event: number, values: Map<number, Buffer> } {
  const extended = codec === codecs.c8Extended
  const id = codec === codecs.c8 ? cursor.u8 : cursor.u16
  const number = extended ? cursor.u16 : cursor.u8
  const event = id()
  // Why the record was made: on exit, on entrance, on change, …
  if (codec === codecs.c16) cursor.skip(1)
  const total = number()
  const values = new Map<number, Buffer>()
  let read = 0
  const group = (lengthOf: () => number) => {
    for (let left = number(); left > 0; left--, read++) values.set(id(), cursor.bytes(lengthOf()))
  }
  for (const length of [1, 2, 4, 8]) group(() => length)
  if (extended) group(cursor.u16)
  if (read !== total) throw new DecodeError('content', 'the elements are not as many as the record says')
  return { event, values }
}

function addElement(add: (name: string, value: unknown) => void, id: number, value: Buffer) {
  const known = elements[id]
  const name = known?.name ?? `io${id}`
  if (value.length > 8) return add(name, value.toString('hex'))
  if (value.length > 6) return add(name, BigInt(`0x${value.toString('hex')}`).toString())
  if (value.length === 0) return
  const number = known?.signed ? value.readIntBE(0, value.length) : value.readUIntBE(0, value.length)
  add(name, known?.read ? known.read(number) : number)
}

const commandType = 0x05

/** Codec 12: one quantity, type 5 for a command and 6 for its answer. */
function encodeCommand({ text }: TrackerCommand): Buffer {
  const command = Buffer.from(text, 'ascii')
  const data = Buffer.concat([
    Buffer.from([codecs.c12, 1, commandType]), countOf(command.length), command, Buffer.from([1]),
  ])
  return Buffer.concat([Buffer.alloc(4), countOf(data.length), data, countOf(crc16Arc(data))])
}

function commandAnswer(data: Buffer): string {
  const cursor = createCursor(data)
  cursor.skip(3)
  return cursor.bytes(cursor.u32()).toString('latin1').trim()
}

export const teltonika: TrackerDecoder = {
  name: 'teltonika', maxFrameBytes, sendsAgain: true, cut, read, readDatagram, encodeCommand,
}
