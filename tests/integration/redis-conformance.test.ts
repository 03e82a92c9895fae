import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemory } from '#server/redis/memory.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import { compareStreamIds, type RedisPort } from '#server/redis/port.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const adapters: [string, () => RedisPort][] = [
  ['the in-process stand-in', () => openMemory()],
  ['real Redis', () => openRedisClient({ url: server.url, sentinels: [], sentinelName: '', log })],
]

describe.each(adapters)('%s', (_, open) => {
  let redis: RedisPort
  beforeAll(() => {
    redis = open()
  })
  afterAll(() => redis.close())
  const key = () => `test:${randomUUID()}`
  const stream = { maxLength: 1000, ttlSeconds: 60 }

  it('gives back what was stored, and null for what was not', async () => {
    const [a, b] = [key(), key()]
    await redis.set(a, 'ä\n"x"')
    expect(await redis.get(a)).toBe('ä\n"x"')
    expect(await redis.get(b)).toBeNull()
    expect(await redis.getMany([a, b])).toEqual(['ä\n"x"', null])
    expect(await redis.getMany([])).toEqual([])
    expect(await redis.delete(a, b)).toBe(1)
    expect(await redis.get(a)).toBeNull()
  })

  it('lets one of many claim a key', async () => {
    const name = key()
    const claims = await Promise.all(Array.from({ length: 10 }, (_, n) => redis.set(name, String(n), { onlyIf: 'absent' })))
    expect(claims.filter(Boolean)).toHaveLength(1)
    expect(await redis.set(key(), 'x', { onlyIf: 'present' })).toBe(false)
  })

  it('forgets a key after its time, and a new expiry moves it', async () => {
    const [short, long] = [key(), key()]
    await redis.set(short, 'x', { ttlSeconds: 0.05 })
    await redis.set(long, 'x', { ttlSeconds: 0.05 })
    expect(await redis.expire(long, 60)).toBe(true)
    await until(async () => await redis.get(short) === null)
    expect(await redis.get(long)).toBe('x')
    expect(await redis.expire(short, 60)).toBe(false)
  })

  it('counts without losing one, and keeps the first expiry', async () => {
    const name = key()
    await Promise.all(Array.from({ length: 50 }, () => redis.increment(name, { ttlSeconds: 100 })))
    const { value, ttlSeconds } = await redis.increment(name, { by: 5, ttlSeconds: 9999 })
    expect(value).toBe(55)
    expect(ttlSeconds).toBeLessThanOrEqual(100)
    expect(ttlSeconds).toBeGreaterThan(90)
  })

  it('keeps the fields of a hash', async () => {
    const name = key()
    expect(await redis.hashGetAll(name)).toEqual({})
    await redis.hashSet(name, 'a', '1')
    await redis.hashSet(name, 'b', '2')
    await redis.hashSet(name, 'a', '3')
    expect(await redis.hashGetAll(name)).toEqual({ a: '3', b: '2' })
    expect(await redis.hashDelete(name, 'a', 'c')).toBe(1)
    expect(await redis.hashGetAll(name)).toEqual({ b: '2' })
  })

  it('appends to a stream in order and reads on from any entry', async () => {
    const name = key()
    expect(await redis.streamRange(name)).toBeNull()
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push(await redis.streamAppend(name, `v${n}`, stream))
    expect([...ids].sort(compareStreamIds)).toEqual(ids)
    expect(await redis.streamRead(name, ids[1]!, 2)).toEqual([{ id: ids[2], value: 'v2' }, { id: ids[3], value: 'v3' }])
    expect(await redis.streamRange(name)).toEqual({ first: ids[0], last: ids[4] })
  })

  it('trims a stream to about its length', async () => {
    const name = key()
    for (let n = 0; n < 500; n++) await redis.streamAppend(name, String(n), { maxLength: 100, ttlSeconds: 60 })
    const kept = await redis.streamRead(name, '0-0', 1000)
    expect(kept.length).toBeGreaterThanOrEqual(100)
    // Redis trims by whole nodes of 100 entries.
    expect(kept.length).toBeLessThanOrEqual(200)
    expect(kept.at(-1)!.value).toBe('499')
  })

  it('brings a follower every entry appended after it began, once and in order', async () => {
    const name = key()
    await redis.streamAppend(name, 'before', stream)
    const seen: string[] = []
    const stop = await redis.streamFollow(name, { onEntry: ({ value }) => seen.push(value), onGap: () => seen.push('gap') })
    for (let n = 0; n < 20; n++) await redis.streamAppend(name, String(n), stream)
    await until(() => seen.length >= 20)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
    stop()
  })

  it('answers a ping', async () => {
    expect(['master', 'memory']).toContain((await redis.ping()).role)
  })
})

describe('real Redis that fails', () => {
  it('opens while the server is away, rejects in bounded time and recovers by itself', async () => {
    const own = await startRedis({ started: false })
    const redis = openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log })
    await expect(redis.get('x')).rejects.toMatchObject({ type: 'unavailable' })
    await own.start()
    await until(async () => redis.ping().then(() => true, () => false), 'recovery')
    await redis.close()
    await own.stop()
  })

  it('does not hang on a frozen server', async () => {
    const own = await startRedis()
    const redis = openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log })
    await redis.ping()
    own.freeze()
    await expect(redis.get('x')).rejects.toMatchObject({ type: 'unavailable' })
    own.thaw()
    await until(async () => redis.ping().then(() => true, () => false), 'recovery')
    await redis.close()
    await own.stop()
  })

  it('tells a follower of the gap when the server comes back empty, and follows on', async () => {
    const own = await startRedis()
    const redis = openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log })
    const options = { maxLength: 100, ttlSeconds: 60 }
    const seen: string[] = []
    const gaps: string[] = []
    await redis.streamFollow('s', { onEntry: ({ value }) => seen.push(value), onGap: reason => gaps.push(reason) })
    await redis.streamAppend('s', 'one', options)
    await until(() => seen.includes('one'))
    await own.kill()
    await own.start()
    await until(() => gaps.length > 0, 'the gap to be noticed')
    await until(async () => redis.streamAppend('s', 'two', options).then(() => true, () => false))
    await until(() => seen.includes('two'))
    await redis.close()
    await own.stop()
  })
})
