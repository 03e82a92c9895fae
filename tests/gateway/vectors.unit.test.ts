import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gt06 } from '#server/gateway/gt06.ts'
import { h02 } from '#server/gateway/h02.ts'
import { DecodeError, type Frame, type TrackerDecoder } from '#server/gateway/protocol.ts'
import { teltonika } from '#server/gateway/teltonika.ts'

interface Vector {
  hex?: string
  text?: string
  expect: 'no position' | 'one position' | 'positions' | 'a message'
  position?: { time: string, valid: boolean, latitude: number, longitude: number }
}

const vectors = (name: string) =>
  readFileSync(new URL(`vectors/${name}.jsonl`, import.meta.url), 'utf8').trim().split('\n')
    .map((line, index) => ({ ...JSON.parse(line) as Vector, line: index + 1 }))
const bytesOf = ({ hex, text = '' }: Vector) =>
  hex === undefined ? Buffer.from(text.replaceAll('\\n', '\n'), 'latin1') : Buffer.from(hex, 'hex')
const now = new Date('2026-11-30T12:00:00Z')

/** One frame, or why there is none. */
function readOne(decoder: TrackerDecoder, bytes: Buffer): Frame | string {
  try {
    const found = decoder.cut(bytes)
    if (!found) return 'incomplete'
    const frame = decoder.read(bytes.subarray(0, found.size), '123456789012345', now)
    return frame.kind === 'faulty' ? frame.fault : frame
  }
  catch (error) {
    if (error instanceof DecodeError) return error.fault
    throw error
  }
}

/**
 * Lines that are not read, with why: shortened or altered when somebody made them public (their checksum or
 * length is not theirs), or of a variant that no manufacturer describes.
 */
const leftOut: Record<string, Record<string, number[]>> = {
  teltonika: {
    checksum: [12, 13, 17, 28],
    incomplete: [19, 21, 23],
    // Codec 7 of the GH3000, which is not made any more.
    unsupported: [22],
  },
  gt06: {},
  h02: {},
}
/** Kinds of GT06 messages that are not read; each a maker's own. */
const unreadKinds = [
  0x11, 0x17, 0x19, 0x1E, 0x1F, 0x28, 0x2A, 0x2C, 0x32, 0x33, 0x34, 0x36, 0x38, 0x61, 0x66, 0x70, 0x8C, 0x95,
  0x9B, 0xA1, 0xA2, 0xA3, 0xA5, 0xF2, 0xF3, 0xFD,
]

describe.each([teltonika, gt06, h02])('$name', (decoder) => {
  it.each(vectors(decoder.name))('line $line is read as $expect', (vector) => {
    const bytes = bytesOf(vector)
    const frame = readOne(decoder, bytes)
    const [reason] = Object.entries(leftOut[decoder.name]!)
      .find(([, lines]) => lines.includes(vector.line)) ?? []
    if (reason) return expect(frame).toBe(reason)
    if (decoder === gt06 && typeof frame === 'string') {
      if (frame === 'unsupported') {
        const kind = bytes[bytes[0] === 0x78 ? 3 : 4]
        return expect(unreadKinds).toContain(kind)
      }
      return expect(['checksum', 'framing', 'incomplete']).toContain(frame)
    }
    if (typeof frame === 'string') return expect(frame).toBe('a frame')
    const places = frame.kind === 'records'
      ? frame.messages.filter(({ place }) => place !== null).length
      : 0
    if (vector.expect === 'no position') expect(places).toBe(0)
    if (vector.expect === 'one position') expect(places).toBe(1)
    if (vector.expect === 'positions') expect(places).toBeGreaterThan(0)
    const { position } = vector
    if (!position || frame.kind !== 'records') return
    const [{ place, fixTime, receiver }] = frame.messages as [typeof frame.messages[0]]
    expect(fixTime.toISOString()).toBe(position.time.replace(' ', 'T'))
    expect(receiver?.valid).toBe(position.valid)
    expect(place!.latitude).toBeCloseTo(position.latitude, 4)
    expect(place!.longitude).toBeCloseTo(position.longitude, 4)
  })
})

it('of GT06 no more is left out than was', () => {
  const faults = vectors('gt06').map(vector => readOne(gt06, bytesOf(vector)))
    .filter(frame => typeof frame === 'string')
  const byFault = Map.groupBy(faults, fault => fault)
  const counts = Object.fromEntries([...byFault].map(([fault, all]) => [fault, all.length]))
  expect(counts).toEqual({ unsupported: 42, checksum: 9, framing: 8, incomplete: 2 })
})
