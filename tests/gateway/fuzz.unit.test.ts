import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { judgeBatch } from '#server/fleet/ingest/batch.ts'
import type { KnownDevice } from '#server/fleet/ingest/devices.ts'
import { unknownState } from '#server/fleet/ingest/state.ts'
import { crc16Arc, crc16X25 } from '#server/gateway/checksum.ts'
import { gt06 } from '#server/gateway/gt06.ts'
import { h02 } from '#server/gateway/h02.ts'
import { DecodeError, decodeFaults, type Frame, type TrackerDecoder } from '#server/gateway/protocol.ts'
import { readProxyHeader } from '#server/gateway/proxy-protocol.ts'
import { teltonika } from '#server/gateway/teltonika.ts'
import { teltonikaDatagram } from '../support/tracker.ts'

/** `FUZZ_SEED` runs one again. */
const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.FUZZ_ROUNDS ?? 4_000)

/** Mulberry32: small, and the same everywhere. */
function randomOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6D2B79F5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const now = new Date('2026-11-30T12:00:00Z')
const device: KnownDevice = {
  id: '0193e3a4-5b6c-7d8e-9f00-112233445566', identifier: 'd', organisationId: 'o', vehicleId: 'v', vehicleKind: 'car',
  speedUnit: 'kn', tokenRequired: false, tokenHash: null,
}
const corpusOf = (name: string) =>
  readFileSync(new URL(`vectors/${name}.jsonl`, import.meta.url), 'utf8').trim().split('\n')
    .map(line => JSON.parse(line) as { hex?: string, text?: string })
    .map(({ hex, text = '' }) => hex === undefined ? Buffer.from(text, 'latin1') : Buffer.from(hex, 'hex'))

function mutate(bytes: Buffer, random: () => number): Buffer {
  let found = Buffer.from(bytes)
  for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
    const at = Math.floor(random() * (found.length + 1))
    const to = Math.min(found.length, at + Math.floor(random() * 8))
    const kind = Math.floor(random() * 5)
    if (kind === 0 && at < found.length) found[at] = Math.floor(random() * 256)
    else if (kind === 1) found = Buffer.concat([found.subarray(0, at), found.subarray(to)])
    else if (kind === 2) found = Buffer.concat([found.subarray(0, at), found.subarray(Math.max(0, at - 64))])
    else if (kind === 3 && at < found.length) found[at] = [0, 1, 0x7F, 0x80, 0xFF][Math.floor(random() * 5)]!
    else found = found.subarray(0, at)
  }
  return found
}

/** So that what is mutated gets as far as the fields. */
function repaired(name: string, bytes: Buffer): Buffer {
  if (name === 'teltonika' && bytes.length > 13 && bytes.readUInt32BE(0) === 0) {
    bytes.writeUInt32BE(bytes.length - 12, 4)
    bytes.writeUInt32BE(crc16Arc(bytes.subarray(8, -4)), bytes.length - 4)
  }
  if (name === 'gt06' && bytes.length > 10 && bytes.length < 260 && bytes[0] === 0x78) {
    bytes[1] = 0x78
    bytes[2] = bytes.length - 5
    bytes.writeUInt16BE(0x0D0A, bytes.length - 2)
    bytes.writeUInt16BE(crc16X25(bytes.subarray(2, -4)), bytes.length - 4)
  }
  return bytes
}

/** Reads bytes as a connection does. Ends: each cut takes something, or nothing more comes. */
function readAll(decoder: TrackerDecoder, bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let rest = bytes
  while (rest.length) {
    try {
      const found = decoder.cut(rest)
      if (!found) {
        expect(rest.length).toBeLessThanOrEqual(decoder.maxFrameBytes)
        return frames
      }
      expect(found.size).toBeGreaterThan(0)
      expect(found.size).toBeLessThanOrEqual(rest.length)
      const frame = rest.subarray(0, found.size)
      rest = rest.subarray(found.size)
      frames.push(decoder.read(frame, '123456789012345', now))
    }
    catch (error) {
      if (!(error instanceof DecodeError)) throw error
      expect(decodeFaults).toContain(error.fault)
      if (!decoder.resume) return frames
      // A frame that was cut and not read is behind already.
      if (error.fault !== 'framing' && error.fault !== 'length') continue
      const passed = decoder.resume(rest)
      expect(passed).toBeGreaterThan(0)
      rest = rest.subarray(passed)
    }
  }
  return frames
}

function judge(frames: Frame[]) {
  const messages = frames.flatMap(frame => frame.kind === 'records' ? frame.messages : [])
  for (const { raw, identifiers } of messages) {
    expect(identifiers[0]).toMatch(/^[\w-]{1,32}$/)
    expect(raw.protocol).toBeTypeOf('string')
  }
  if (messages.length === 0) return
  const arrived = messages.map(message => ({ device, message, receivedAt: now }))
  const { writes } = judgeBatch(arrived, new Map([[device.id, unknownState]])).finish(new Map())
  for (const { latitude, longitude, fixTime, speedKmh, attributes } of writes.fixes) {
    expect(Math.abs(latitude)).toBeLessThanOrEqual(90)
    expect(Math.abs(longitude)).toBeLessThanOrEqual(180)
    expect(fixTime.toISOString()).toMatch(/^20/)
    expect(speedKmh === null || Number.isFinite(speedKmh)).toBe(true)
    expect(Object.keys(attributes).length).toBeLessThanOrEqual(100)
  }
  const kept = JSON.stringify([writes.fixes, writes.events, writes.messages, writes.quarantined])
  expect(kept).not.toMatch(/\\u0000|\\ud[89a-f]/i)
  expect(kept.length).toBeLessThan(messages.length * 200_000)
}

describe.each([teltonika, gt06, h02])(`$name, seed ${seed}`, (decoder) => {
  const corpus = corpusOf(decoder.name)

  it('reads mutated frames, or says what is wrong with them', () => {
    const random = randomOf(seed)
    let messages = 0
    for (let round = 0; round < rounds; round++) {
      const mutated = mutate(corpus[Math.floor(random() * corpus.length)]!, random)
      const bytes = random() < 0.7 ? repaired(decoder.name, mutated) : mutated
      const other = random() < 0.3 ? corpus[Math.floor(random() * corpus.length)]! : Buffer.alloc(0)
      const frames = readAll(decoder, Buffer.concat([bytes, other]))
      messages += frames.length
      judge(frames)
    }
    // Or it would all have been refused at the door.
    expect(messages).toBeGreaterThan(rounds / 10)
  })
  it('reads random bytes, or says what is wrong with them', () => {
    const random = randomOf(seed + 1)
    const begins = ['', '7878', '7979', '00000000', '24', '2a48512c', '000f', 'ff']
    for (let round = 0; round < rounds; round++) {
      const length = Math.floor(random() * 300)
      const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
      const begin = Buffer.from(begins[Math.floor(random() * begins.length)]!, 'hex')
      judge(readAll(decoder, repaired(decoder.name, Buffer.concat([begin, bytes]))))
    }
  })
  it('reads mutated datagrams, or says what is wrong with them', () => {
    const { readDatagram } = decoder
    if (!readDatagram) return
    const random = randomOf(seed + 2)
    const datagrams = decoder === teltonika
      ? [1, 3].map(count => teltonikaDatagram('352093086403655', 7, Array.from({ length: count }, (_, n) => ({
          time: now.getTime() - n * 1000, latitude: 52, longitude: 13, event: 239,
          elements: { 239: 1, 21: 4 },
        }))))
      : corpus
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(datagrams[Math.floor(random() * datagrams.length)]!, random)
      if (decoder === teltonika && random() < 0.7 && bytes.length > 2) bytes.writeUInt16BE(bytes.length - 2)
      try {
        judge(readDatagram(bytes, now))
      }
      catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }
  })
})

it(`the PROXY header is read, or it is none, seed ${seed}`, () => {
  const random = randomOf(seed + 3)
  const right = ['PROXY TCP4 10.1.2.3 10.0.0.1 1000 5027\r\n', 'PROXY TCP6 fd00::1 fd00::2 1 2\r\n', 'PROXY UNKNOWN\r\n']
  for (const text of right) expect(readProxyHeader(Buffer.from(`${text}rest`))).toMatchObject({ size: text.length })
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(Buffer.from(right[Math.floor(random() * right.length)]!), random)
    const header = readProxyHeader(bytes)
    if (header.kind === 'header') expect(header.size).toBeLessThanOrEqual(Math.min(107, bytes.length))
  }
})
