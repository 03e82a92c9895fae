import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { crc16Arc, crc16X25 } from '#server/gateway/checksum.ts'
import { until } from './until.ts'

/** What a tracker of the field would send, and what it hears. */
export interface Tracker {
  socket: Socket
  send(bytes: Buffer): void
  /** All that it has heard. */
  heard(): Buffer
  /** The next so many bytes that it hears. */
  hear(count: number): Promise<Buffer>
  /** Whether the other side has said that it says nothing more. */
  ended(): boolean
  end(): void
}

export async function connectTracker(port: number, host = '127.0.0.1'): Promise<Tracker> {
  const socket = connect({ port, host, allowHalfOpen: true })
  let heard = Buffer.alloc(0)
  let taken = 0
  let ended = false
  socket.on('data', data => heard = Buffer.concat([heard, data]))
  socket.on('end', () => ended = true).on('close', () => ended = true).on('error', () => ended = true)
  await once(socket, 'connect')
  socket.setNoDelay(true)
  return {
    socket,
    send: bytes => void socket.write(bytes),
    heard: () => heard,
    async hear(count) {
      await until(() => {
        if (heard.length < taken + count && ended) throw new Error('The connection has ended without an answer')
        return heard.length >= taken + count
      }, `${count} bytes from the gateway`)
      return heard.subarray(taken, taken += count)
    },
    ended: () => ended,
    end: () => void socket.destroy(),
  }
}

export interface Sent {
  /** Milliseconds since 1970. */
  time: number
  latitude: number
  longitude: number
  speed?: number
  satellites?: number
  /** Of one byte each, by their numbers. */
  elements?: Record<number, number>
  event?: number
}

export function teltonikaLogin(imei: string): Buffer {
  return Buffer.concat([Buffer.from([0, imei.length]), Buffer.from(imei, 'ascii')])
}

/** Codec 8. */
export function teltonikaData(records: Sent[]): Buffer {
  const body = records.map((record) => {
    const { time, latitude, longitude, speed = 50, satellites = 9, elements = {}, event = 0 } = record
    const head = Buffer.alloc(24)
    head.writeBigUInt64BE(BigInt(time), 0)
    head.writeInt32BE(Math.round(longitude * 1e7), 9)
    head.writeInt32BE(Math.round(latitude * 1e7), 13)
    head.writeInt16BE(40, 17)
    head.writeUInt16BE(90, 19)
    head.writeUInt8(satellites, 21)
    head.writeUInt16BE(speed, 22)
    const ones = Object.entries(elements)
    return Buffer.concat([
      head, Buffer.from([event, ones.length, ones.length]),
      ...ones.map(([id, value]) => Buffer.from([Number(id), value])), Buffer.from([0, 0, 0]),
    ])
  })
  return Buffer.concat([Buffer.from([8, records.length]), ...body, Buffer.from([records.length])])
}

export function teltonikaPacket(records: Sent[]): Buffer {
  const data = teltonikaData(records)
  const packet = Buffer.alloc(8 + data.length + 4)
  packet.writeUInt32BE(data.length, 4)
  data.copy(packet, 8)
  packet.writeUInt32BE(crc16Arc(data), 8 + data.length)
  return packet
}

export function teltonikaDatagram(imei: string, packetId: number, records: Sent[]): Buffer {
  const body = Buffer.concat([
    Buffer.from([packetId >> 8, packetId & 0xFF, 1, 5, 0, imei.length]), Buffer.from(imei, 'ascii'),
    teltonikaData(records),
  ])
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xFF]), body])
}

function gt06Frame(kind: number, content: Buffer, serial: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([content.length + 5, kind]), content, Buffer.from([serial >> 8, serial & 0xFF]),
  ])
  const crc = crc16X25(body)
  return Buffer.concat([Buffer.from([0x78, 0x78]), body, Buffer.from([crc >> 8, crc & 0xFF, 0x0D, 0x0A])])
}

export function gt06Login(imei: string, serial = 1): Buffer {
  return gt06Frame(0x01, Buffer.from(`0${imei}`, 'hex'), serial)
}

export function gt06Position(
  { time, latitude, longitude, speed = 50 }: Sent, serial: number, alarm?: number,
): Buffer {
  const at = new Date(time)
  const content = Buffer.alloc(18)
  content.set([
    at.getUTCFullYear() - 2000, at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(),
    at.getUTCSeconds(), 0xC9,
  ])
  content.writeUInt32BE(Math.round(Math.abs(latitude) * 1_800_000), 7)
  content.writeUInt32BE(Math.round(Math.abs(longitude) * 1_800_000), 11)
  content.writeUInt8(speed, 15)
  content.writeUInt16BE(0x1000 | (latitude >= 0 ? 0x0400 : 0) | (longitude < 0 ? 0x0800 : 0) | 90, 16)
  const cell = Buffer.from([9, 1, 6, 1, 0, 1, 0, 0, 1])
  return alarm === undefined
    ? gt06Frame(0x12, Buffer.concat([content, cell.subarray(1)]), serial)
    : gt06Frame(0x16, Buffer.concat([content, cell, Buffer.from([0x02, 6, 4, alarm, 2])]), serial)
}

export function gt06Heartbeat(serial: number, state = 0x02): Buffer {
  return gt06Frame(0x13, Buffer.from([state, 5, 4, 0, 2]), serial)
}

export function h02Text(id: string, { time, latitude, longitude, speed = 20 }: Sent): Buffer {
  const two = (value: number) => String(value).padStart(2, '0')
  const at = new Date(time)
  const degrees = (value: number, digits: number) => {
    const whole = Math.floor(Math.abs(value))
    return `${String(whole).padStart(digits, '0')}${((Math.abs(value) - whole) * 60).toFixed(4).padStart(7, '0')}`
  }
  const clock = `${two(at.getUTCHours())}${two(at.getUTCMinutes())}${two(at.getUTCSeconds())}`
  const day = `${two(at.getUTCDate())}${two(at.getUTCMonth() + 1)}${two(at.getUTCFullYear() - 2000)}`
  return Buffer.from([
    '*HQ', id, 'V1', clock, 'A', degrees(latitude, 2), latitude < 0 ? 'S' : 'N', degrees(longitude, 3),
    longitude < 0 ? 'W' : 'E', speed.toFixed(2), '090', day, 'FFFFFFFF#',
  ].join(','), 'ascii')
}
