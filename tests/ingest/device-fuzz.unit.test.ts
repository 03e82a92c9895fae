import { randomInt } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { unpackBody } from '#server/edge/device-body.ts'
import { judgeBatch } from '#server/fleet/ingest/batch.ts'
import type { KnownDevice } from '#server/fleet/ingest/devices.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { unknownState } from '#server/fleet/ingest/state.ts'
import { readCases, requestOf } from './cases/cases.ts'

/** `FUZZ_SEED` runs one again. */
const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const rounds = Number(process.env.FUZZ_ROUNDS ?? 3_000)

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
const fitted = { vehicleId: 'v', kind: 'car', from: -Infinity, to: Infinity } as const
const device: KnownDevice = {
  id: '0193e3a4-5b6c-7d8e-9f00-112233445566', identifier: 'd', organisationId: 'o', vehicleId: 'v',
  speedUnit: 'kn', tokenRequired: false, tokenHash: null,
}
/** Requests that are right: what is mutated. */
const corpus = ['osmand', 'json', 'judged'].flatMap(readCases).flatMap(({ sends }) => sends)
  .filter(({ encoding, repeat }) => !encoding && !repeat)
  .map(send => requestOf(send, { moment: now.getTime() / 1000 - 3_000, id: 'd' }))
  .map(({ query, init }) => ({ query, body: init.body ? Buffer.from(init.body as Uint8Array) : null }))

const snippets = [
  '\0', '\uFEFF', '{', '[', '}', ']', '"', ',', '&', '=', '%', '%00', '%ff', 'NaN', '1e999', '-1e999', '-0', '-1',
  '9'.repeat(40), 'null', 'true', '[]', '{}', '__proto__', 'constructor', '\uD800', '\u202E', '0x10', '١٢',
  '2026-13-45T99:99:99Z', '1'.repeat(19), '[['.repeat(500), '{"a":'.repeat(500),
]

function mutate(bytes: Buffer, random: () => number): Buffer {
  let text: Buffer = bytes.length ? bytes : Buffer.from(' ')
  for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
    const at = Math.floor(random() * (text.length + 1))
    const to = Math.min(text.length, at + Math.floor(random() * 8))
    const snippet = Buffer.from(snippets[Math.floor(random() * snippets.length)]!)
    const kind = Math.floor(random() * 5)
    if (kind === 0) text = Buffer.concat([text.subarray(0, at), snippet, text.subarray(to)])
    else if (kind === 1) text = Buffer.concat([text.subarray(0, at), text.subarray(to)])
    else if (kind === 2) text = Buffer.concat([text.subarray(0, at), text.subarray(Math.max(0, at - 64))])
    else if (kind === 3 && at < text.length) text = Buffer.from(text.with(at, Math.floor(random() * 256)))
    else text = text.subarray(0, at)
  }
  return text
}

/** What the decoders may say: messages within bounds, or a refusal that names what is wrong. */
function decode(query: string, body: string, contentType: string): DeviceMessage[] | null {
  try {
    return parseDeviceRequest({
      contentType, query: new URLSearchParams(query.replace(/^\?/, '')), body,
      username: null, limitUser: null, limitDevice: null,
    }, now).messages
  }
  catch (error) {
    const { type, errors } = error as { type?: string, errors?: { message: string }[] }
    if (type !== 'invalid-input') throw error
    expect(errors![0]!.message).toMatch(/\w/)
    return null
  }
}

function judge(messages: DeviceMessage[]) {
  const arrived = messages.map(message => ({ device, message, receivedAt: now }))
  if (arrived.length === 0) return
  const judged = judgeBatch(arrived, new Map([[device.id, unknownState]]), new Map([[device.id, [fitted]]]))
  const { writes, verdicts } = judged.finish(new Map())
  expect(verdicts).toHaveLength(messages.length)
  for (const { latitude, longitude, fixTime, speedKmh, attributes } of writes.fixes) {
    expect(Math.abs(latitude)).toBeLessThanOrEqual(90)
    expect(Math.abs(longitude)).toBeLessThanOrEqual(180)
    expect(fixTime.toISOString()).toMatch(/^20/)
    expect(speedKmh === null || Number.isFinite(speedKmh)).toBe(true)
    expect(Object.keys(attributes).length).toBeLessThanOrEqual(100)
  }
  const kept = JSON.stringify([writes.fixes, writes.events, writes.messages, writes.quarantined])
  // What jsonb refuses, and more than some dozen kilobytes for each message.
  expect(kept).not.toMatch(/\\u0000|\\ud[89a-f]/i)
  expect(kept.length).toBeLessThan(messages.length * 500_000)
}

const types = ['', 'application/json', 'application/x-www-form-urlencoded', 'text/plain']

describe(`decoders of devices' requests, seed ${seed}`, () => {
  it('take mutated requests, or refuse them in words', () => {
    const random = randomOf(seed)
    for (let round = 0; round < rounds; round++) {
      const { query, body } = corpus[Math.floor(random() * corpus.length)]!
      const type = types[Math.floor(random() * types.length)]!
      const ofBody = body !== null && random() < 0.8
      const messages = decode(
        ofBody ? query : mutate(Buffer.from(query), random).toString('utf8'),
        body ? (ofBody ? mutate(body, random) : body).toString('utf8') : '',
        type,
      )
      if (messages) judge(messages)
    }
  })
  it('take random bytes, or refuse them in words', () => {
    const random = randomOf(seed + 1)
    for (let round = 0; round < rounds; round++) {
      const length = Math.floor(random() * 300)
      const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
      const text = bytes.toString(random() < 0.5 ? 'utf8' : 'latin1')
      const begin = ['', '{', '[', 'id=d&', '{"_type":"location",'][Math.floor(random() * 5)]!
      const type = types[Math.floor(random() * 4)]!
      const messages = random() < 0.5 ? decode('', begin + text, type) : decode(begin + text, '', '')
      if (messages) judge(messages)
    }
  })
  it('take mutated compressed bodies, or refuse them, and give no more than a mebibyte', async () => {
    const random = randomOf(seed + 3)
    const packers = { 'gzip': gzipSync, 'deflate': deflateSync, 'br': brotliCompressSync, 'x-gzip': gzipSync }
    const names = Object.keys(packers) as (keyof typeof packers)[]
    // One of them becomes more than is taken.
    const texts = [...corpus.flatMap(({ body }) => body ?? []), Buffer.alloc(3_000_000, ' ')]
    const refusals = new Set<unknown>()
    for (let round = 0; round < rounds / 6; round++) {
      const encoding = names[Math.floor(random() * names.length)]!
      const packed = packers[encoding](texts[Math.floor(random() * texts.length)]!)
      const sent = random() < 0.3 ? packed : mutate(packed, random)
      try {
        expect((await unpackBody(sent, random() < 0.1 ? 'constructor' : encoding)).length)
          .toBeLessThanOrEqual(1_048_576)
      }
      catch (error) {
        const { type, statusCode } = error as { type?: string, statusCode?: number }
        refusals.add(type ?? statusCode)
      }
    }
    expect([...refusals].filter(refusal => !['invalid-input', 413, 415].includes(refusal as string))).toEqual([])
  })
  it('take wrong kinds of values in every field of JSON', () => {
    const random = randomOf(seed + 2)
    const values: unknown[] = [
      null, true, -1, 0, 1e308, 1e-320, '', ' ', 'x', [], {}, [[]], { a: 1 }, '9'.repeat(500), '\0', '\uD800',
      '__proto__', 255, 999, -1.5, '1,5', Number.MAX_SAFE_INTEGER,
    ]
    const bodies = corpus.flatMap(({ body }) => body && /^\{/.test(body.toString()) ? [body.toString()] : [])
    for (let round = 0; round < rounds; round++) {
      const parsed = JSON.parse(bodies[Math.floor(random() * bodies.length)]!, (_name, value: unknown) =>
        random() < 0.15 ? values[Math.floor(random() * values.length)] : value) as unknown
      const messages = decode('', JSON.stringify(parsed) ?? '', 'application/json')
      if (messages) judge(messages)
    }
  })
})
