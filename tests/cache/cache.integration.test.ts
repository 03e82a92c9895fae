import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCache, type Cache } from '#server/redis/cache.ts'
import { openMemory } from '#server/redis/memory.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import { backgroundContext, currentContext, runInContext } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function instance(url = server.url, wrap = (redis: RedisPort): RedisPort => redis) {
  const redis = openRedisClient({ url, sentinels: [], sentinelName: '', log })
  await until(() => redis.isUp())
  const looks: string[] = []
  const cache = createCache({
    redis: wrap(redis),
    log,
    metrics: {
      lookup: (_, result) => looks.push(result),
      invalidationFailed: () => looks.push('not-forgotten'),
    },
  })
  closing.push(() => redis.close(), () => cache.close())
  return { cache, redis, looks }
}
let number = 0
const key = () => `organisation-${Date.now()}:${number++}`
const away = () => Promise.reject(new UnavailableError('The database cannot be reached.'))
/** A value that the test changes, as the database would. */
const source = (value: string) => {
  const row = { value, loads: 0, load: async () => (row.loads++, row.value) }
  return row
}
const stale = <T>(work: () => Promise<T>) =>
  runInContext(backgroundContext('test', 10), async () => ({
    value: await work(),
    staleSeconds: currentContext()!.staleSeconds,
  }))
const getOrLoad = (cache: Cache, name: string, row: { load: () => Promise<string> }) =>
  cache.getOrLoad('thing', name, { load: row.load })

describe('a cached value', () => {
  it('is loaded once for all who ask for it together, and once for all instances', async () => {
    const [a, b] = [await instance(), await instance()]
    const row = source('x')
    const name = key()
    expect(await Promise.all(Array.from({ length: 20 }, () => getOrLoad(a.cache, name, row)))).toEqual(
      Array.from({ length: 20 }, () => 'x'),
    )
    expect(await getOrLoad(b.cache, name, row)).toBe('x')
    // A machine that is so busy that waiting takes a second may load it once more.
    expect(row.loads).toBeLessThan(3)
  })
  it('whose loading takes longer than others wait for it is read by them without the cache, not refused', async () => {
    const { cache } = await instance()
    const name = key()
    const slow = getOrLoad(cache, name, {
      load: () => new Promise(resolve => setTimeout(() => resolve('slow'), 2_500)),
    })
    expect(await getOrLoad(cache, name, source('own'))).toBe('own')
    expect(await slow).toBe('slow')
  })
  it('that throws while it is loaded gives what it threw, and is not kept', async () => {
    const { cache } = await instance()
    const name = key()
    await expect(
      getOrLoad(cache, name, { load: () => Promise.reject(new RangeError('a fault')) }),
    ).rejects.toThrow(new RangeError('a fault'))
    expect(await getOrLoad(cache, name, source('mended'))).toBe('mended')
  })
  it('that was changed and forgotten is never given again by the instance that changed it', async () => {
    const { cache } = await instance()
    const row = source('old')
    const name = key()
    await getOrLoad(cache, name, row)
    row.value = 'new'
    await cache.invalidate('thing', name)
    expect(await getOrLoad(cache, name, row)).toBe('new')
  })
  it('is not brought back by a reader that read the old one before it was forgotten and stores it after', async () => {
    const [writer, reader] = [await instance(), await instance()]
    const name = key()
    let goOn = () => {}
    const late = getOrLoad(reader.cache, name, {
      load: () => new Promise<string>(resolve => (goOn = () => resolve('old'))),
    })
    await until(() => goOn.length === 0 && goOn.toString().includes('resolve'))
    await writer.cache.invalidate('thing', name)
    goOn()
    await late
    const third = await instance()
    expect(await getOrLoad(third.cache, name, source('new'))).toBe('new')
  })
  it('is loaded by everybody while Redis is away, and the last known one is given, marked, if that fails too', async () => {
    const own = await startRedis()
    const { cache, redis, looks } = await instance(own.url)
    closing.unshift(() => own.stop())
    const name = key()
    const row = source('known')
    await getOrLoad(cache, name, row)
    await own.kill()
    await until(() => !redis.isUp())
    row.value = 'changed elsewhere'
    expect(await stale(() => getOrLoad(cache, name, row))).toEqual({
      value: 'changed elsewhere',
      staleSeconds: null,
    })
    expect(looks.at(-1)).toBe('bypassed')
    const last = await stale(() => getOrLoad(cache, name, { load: away }))
    expect(['known', 'changed elsewhere']).toContain(last.value)
    expect(last.staleSeconds).not.toBeNull()
  })
  it('of before a restart of Redis, which may have lost what was forgotten, is not given after it', async () => {
    const own = await startRedis()
    const { cache, redis } = await instance(own.url)
    closing.unshift(() => own.stop())
    const name = key()
    await getOrLoad(cache, name, source('before'))
    const text = await redis.replication()
    await own.kill()
    await until(() => !redis.isUp())
    await own.start()
    await until(() => redis.isUp())
    expect((await redis.replication()).run).not.toBe(text.run)
    expect(await getOrLoad(cache, name, source('after'))).toBe('after')
  })
  it('that Redis cannot be told to forget is counted, and does not fail the change', async () => {
    const { cache, looks } = await instance(server.url, redis => ({
      ...redis,
      set: () => Promise.reject(new UnavailableError('Redis is not responding.')),
    }))
    await cache.invalidate('thing', key())
    expect(looks).toEqual(['not-forgotten'])
  })
  it('that was forgotten is forgotten on every instance before the answer', async () => {
    const [a, b] = [await instance(), await instance()]
    const row = source('0')
    const name = key()
    for (let n = 1; n <= 20; n++) {
      await getOrLoad(b.cache, name, row)
      row.value = String(n)
      await a.cache.invalidate('thing', name)
      expect(await getOrLoad(b.cache, name, row)).toBe(String(n))
    }
  })
  it('that nobody could forget is passed by for a caller who has seen a newer commit', async () => {
    const { cache } = await instance()
    const row = source('old')
    const name = key()
    const asCaller = (consistencyToken: string | null) =>
      runInContext({ ...backgroundContext('test', 10), consistencyToken }, () => getOrLoad(cache, name, row))
    expect(await asCaller('1.1.a.0.x')).toBe('old')
    row.value = 'new'
    expect(await asCaller('1.1.a.0.x')).toBe('old')
    expect(await asCaller('1.1.b.0.x')).toBe('new')
    expect(await asCaller('1.2.a.0.x')).toBe('new')
  })
})

describe('an answer that is put aside', () => {
  it('is given by any instance while no database server can be reached, marked with its age; errors of the request itself are not hidden by it', async () => {
    const [a, b] = [await instance(), await instance()]
    const name = key()
    expect(await stale(() => a.cache.orLastKnown('list', name, async () => ['one']))).toEqual({
      value: ['one'],
      staleSeconds: null,
    })
    await until(async () => (await b.cache.orLastKnown('list', name, away).catch(() => null)) !== null)
    const { value, staleSeconds } = await stale(() => b.cache.orLastKnown('list', name, away))
    expect(value).toEqual(['one'])
    expect(staleSeconds).toBeGreaterThanOrEqual(0)
    await expect(
      b.cache.orLastKnown('list', name, () => Promise.reject(new Error('a fault'))),
    ).rejects.toThrow('a fault')
    await expect(b.cache.orLastKnown('list', key(), away)).rejects.toMatchObject({ type: 'unavailable' })
  })
})

describe('on the in-process stand-in', () => {
  it('the same holds', async () => {
    const redis = openMemory()
    const cache = createCache({ redis, log })
    const row = source('old')
    expect(await getOrLoad(cache, 'o:1', row)).toBe('old')
    expect(await getOrLoad(cache, 'o:1', row)).toBe('old')
    expect(row.loads).toBe(1)
    row.value = 'new'
    await cache.invalidate('thing', 'o:1')
    expect(await getOrLoad(cache, 'o:1', row)).toBe('new')
    await cache.close()
    await redis.close()
  })
})
