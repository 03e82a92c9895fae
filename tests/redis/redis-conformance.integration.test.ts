import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemory } from '#server/redis/memory.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import { compareStreamIds, followsDirectly, type RedisPort } from '#server/redis/port.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startSentinelCluster, type ClientView, type SentinelCluster } from '../support/sentinel.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestRedis
let cluster: SentinelCluster
let view: ClientView
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startSentinelCluster()])
  view = await cluster.view('app')
})
afterAll(() => Promise.all([server.stop(), cluster.stop()]))

const adapters: [string, () => RedisPort][] = [
  ['the in-process stand-in', () => openMemory()],
  [
    'real Redis',
    () => openRedisClient({ url: server.url, sentinels: [], sentinelName: '', log, sweepMs: 50 }),
  ],
  ['Redis through Sentinel', () => openRedisClient({ ...view, log, sweepMs: 50 })],
]

describe.each(adapters)('%s', (_, open) => {
  let redis: RedisPort
  beforeAll(async () => {
    redis = open()
    await until(() => redis.isUp())
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
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, n) => redis.set(name, String(n), { onlyIf: 'absent' })),
    )
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

  it('keeps what must not be lost until its time, claimed once where that is asked, confirmed by what else there is', async () => {
    const name = key()
    expect(await redis.setDurable(name, 'a', { ttlSeconds: 60 })).toEqual({ stored: true, confirmed: true })
    expect((await redis.setDurable(name, 'b', { ttlSeconds: 60, onlyIf: 'absent' })).stored).toBe(false)
    expect((await redis.setDurable(name, 'c', { ttlSeconds: 0.2, onlyIf: 'present' })).stored).toBe(true)
    expect((await redis.setDurable(key(), 'd', { ttlSeconds: 60, onlyIf: 'present' })).stored).toBe(false)
    expect(await redis.get(name)).toBe('c')
    await until(async () => (await redis.get(name)) === null, 'the end of its time')
    const many = await Promise.all(
      Array.from({ length: 50 }, () => redis.setDurable(key(), 'x', { ttlSeconds: 60 })),
    )
    expect(many.every(({ stored, confirmed }) => stored && confirmed)).toBe(true)
  })

  it('keeps over what was read and over nothing else: of two that write it back changed, one finds that it is another by now', async () => {
    const name = key()
    await redis.setDurable(name, 'read', { ttlSeconds: 60 })
    const written = await Promise.all(
      ['a', 'b'].map(value => redis.setDurable(name, value, { ttlSeconds: 60, onlyIf: { is: 'read' } })),
    )
    expect(written.map(({ stored }) => stored).sort()).toEqual([false, true])
    expect(await redis.get(name)).toBe(written[0]!.stored ? 'a' : 'b')
    expect((await redis.setDurable(key(), 'c', { ttlSeconds: 60, onlyIf: { is: '' } })).stored).toBe(false)
    expect(
      (await redis.setDurable(name, 'd', { ttlSeconds: 0.05, onlyIf: { is: (await redis.get(name)) ?? '' } }))
        .stored,
    ).toBe(true)
    await until(async () => (await redis.get(name)) === null, 'the end of its time')
  })

  it('says how long ago each field was announced, by the server\'s clock, and forgets the old ones', async () => {
    const name = key()
    await redis.hashSet(name, 'former', 'f')
    await redis.hashAnnounce(name, 'a', '1', { expireAfterMs: 60_000 })
    await new Promise(resolve => setTimeout(resolve, 30))
    const both = await redis.hashAnnounce(name, 'b', '2', { expireAfterMs: 60_000 })
    const aged = Object.fromEntries(both.map(({ value, ageMs }) => [value, ageMs]))
    expect(aged).toEqual({ f: null, 1: expect.any(Number) as number, 2: 0 })
    expect(aged[1]).toBeGreaterThanOrEqual(20)
    expect(
      (await redis.hashAnnounce(name, 'b', '3', { expireAfterMs: 10 })).map(({ value }) => value).sort(),
    ).toEqual(['3', 'f'])
  })

  it('keeps a hash until the latest of its times', async () => {
    const name = key()
    await redis.hashSet(name, 'a', '1', { ttlSeconds: 60 })
    await redis.hashSet(name, 'b', '2', { ttlSeconds: 0.05 })
    const short = key()
    await redis.hashSet(short, 'a', '1', { ttlSeconds: 0.05 })
    await until(async () => Object.keys(await redis.hashGetAll(short)).length === 0, 'the end of the other')
    expect(await redis.hashGetAll(name)).toEqual({ a: '1', b: '2' })
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
    for (let n = 0; n < 5; n++) ids.push((await redis.streamAppend(name, `v${n}`, stream)).id)
    expect([...ids].sort(compareStreamIds)).toEqual(ids)
    expect(await redis.streamRead(name, ids[1]!, 2)).toEqual([
      { id: ids[2], value: 'v2' },
      { id: ids[3], value: 'v3' },
    ])
    expect(await redis.streamRange(name)).toEqual({ first: ids[0], last: ids[4], intact: true })
    for (let n = 1; n < 5; n++) expect(followsDirectly(ids[n - 1]!, ids[n]!)).toBe(true)
    expect(followsDirectly('0-0', ids[0]!)).toBe(true)
    expect(followsDirectly(ids[0]!, ids[2]!)).toBe(false)
  })

  it('trims a stream to about its length', async () => {
    const name = key()
    for (let n = 0; n < 500; n++)
      await redis.streamAppend(name, String(n), { maxLength: 100, ttlSeconds: 60 })
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
    const stop = await redis.streamFollow(name, {
      onEntry: ({ value }) => seen.push(value),
      onGap: () => seen.push('gap'),
    })
    for (let n = 0; n < 20; n++) await redis.streamAppend(name, String(n), stream)
    await until(() => seen.length >= 20)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
    stop()
  })

  it('fills a key unless it holds what forbids it', async () => {
    const name = key()
    expect(await redis.fill(name, 'a', { ttlSeconds: 60, unless: '#' })).toBe(true)
    expect(await redis.fill(name, 'b', { ttlSeconds: 60, unless: '#' })).toBe(true)
    await redis.set(name, '#', { ttlSeconds: 0.05 })
    expect(await redis.fill(name, 'c', { ttlSeconds: 60, unless: '#' })).toBe(false)
    await until(async () => await redis.get(name) === null)
    expect(await redis.fill(name, 'd', { ttlSeconds: 60, unless: '#' })).toBe(true)
    expect(await redis.get(name)).toBe('d')
  })

  it('says how far its replicas have come', async () => {
    const before = await redis.replication()
    await redis.set(key(), 'x', { ttlSeconds: 60 })
    const after = await redis.replication()
    expect(after.run).toBe(before.run)
    expect(after.offset).toBeGreaterThanOrEqual(before.offset)
    // Replicas report once a second; without any there is nothing to wait for.
    await until(async () => {
      const { acknowledged } = await redis.replication()
      return acknowledged === null || acknowledged >= after.offset
    })
  })

  it('answers a ping', async () => {
    expect(['master', 'memory']).toContain((await redis.ping()).role)
    expect(redis.isUp()).toBe(true)
  })
})

describe('real Redis that fails', () => {
  it('costs one wait, and then refuses at once until it is back', async () => {
    const own = await startRedis()
    const redis = openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log })
    let returns = 0
    redis.onReconnect(() => returns++)
    await redis.set('x', '1')
    own.freeze()
    await expect(redis.get('x')).rejects.toMatchObject({ type: 'unavailable' })
    expect(redis.isUp()).toBe(false)
    await until(async () => {
      const started = performance.now()
      await redis.get('x').catch(() => {})
      return performance.now() - started < 50
    }, 'the commands to be refused at once')
    const started = performance.now()
    for (let n = 0; n < 200; n++) await redis.get('x').catch(() => {})
    // Two hundred waits of a second each would be minutes.
    expect(performance.now() - started).toBeLessThan(5_000)
    own.thaw()
    await until(() => redis.isUp(), 'recovery')
    expect(await redis.get('x')).toBe('1')
    expect(returns).toBe(2)
    await redis.close()
    await own.stop()
  })

  it('does not execute later what it has said had failed', async () => {
    const own = await startRedis({ started: false })
    const redis = openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log })
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => redis.increment('n', { ttlSeconds: 60 })),
    )
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    await own.start()
    await until(() => redis.isUp(), 'recovery')
    expect((await redis.increment('n', { ttlSeconds: 60 })).value).toBe(1)
    await redis.close()
    await own.stop()
  })

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
    await redis.streamFollow('s', {
      onEntry: ({ value }) => seen.push(value),
      onGap: reason => gaps.push(reason),
    })
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
