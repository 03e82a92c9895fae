import { describe, expect, it } from 'vitest'
import { createRegistry, type InstanceRecord } from '#server/redis/instances.ts'
import { openMemory } from '#server/redis/memory.ts'
import { createRateLimiter } from '#server/redis/rate-limit.ts'
import { interruptible } from '../support/redis-away.ts'

const limit = { limit: 30, windowSeconds: 60 }

async function allowed(take: () => Promise<{ allowed: boolean }>, attempts: number) {
  let count = 0
  for (let n = 0; n < attempts; n++) if ((await take()).allowed) count++
  return count
}

describe('a rate limit', () => {
  it('is one for all instances', async () => {
    const redis = openMemory()
    const [a, b] = [createRateLimiter(redis, () => 2), createRateLimiter(redis, () => 2)]
    expect(await allowed(() => a.take('k', limit), 20) + await allowed(() => b.take('k', limit), 20)).toBe(30)
  })
  it('is shared out among the instances while Redis is away, and never lets everything through', async () => {
    const { redis, goAway } = interruptible(openMemory())
    const limiters = Array.from({ length: 5 }, () => createRateLimiter(redis, () => 5))
    goAway()
    let sum = 0
    for (const limiter of limiters) sum += await allowed(() => limiter.take('k', limit), 100)
    expect(sum).toBe(30)
    expect(await allowed(() => limiters[0]!.take('small', { limit: 2, windowSeconds: 60 }), 5)).toBe(1)
  })
  it('begins anew after its window, also without Redis, and says when', async () => {
    let now = Date.now()
    const { redis, goAway } = interruptible(openMemory())
    const limiter = createRateLimiter(redis, () => 3, () => now)
    goAway()
    expect(await allowed(() => limiter.take('k', limit), 20)).toBe(10)
    expect((await limiter.take('k', limit)).retryAfterSeconds).toBe(60)
    now += 60_001
    expect((await limiter.take('k', limit)).allowed).toBe(true)
  })
})

describe('the list of instances', () => {
  const record = (instance: string, at: number): InstanceRecord => ({
    instance,
    version: '1',
    address: null,
    pid: 1,
    startedAt: 0,
    phase: 'running',
    mode: 'normal',
    status: 'healthy',
    reason: null,
    databaseHealthy: true,
    load: { eventLoopUtilisation: 0, rssBytes: 0, requestsInFlight: 0, streams: 0 },
    at,
  })

  it('knows who was heard of lately, who is missing, and how many there are', async () => {
    let now = Date.now()
    const redis = openMemory({ now: () => now })
    const [a, b] = [createRegistry(redis, () => now), createRegistry(redis, () => now)]
    expect(a.instances()).toBeNull()
    expect(a.count()).toBe(3)
    await b.announce(record('b', now))
    await a.announce(record('a', now))
    expect(a.instances()!.map(({ instance }) => instance)).toEqual(['a', 'b'])
    expect(a.count()).toBe(2)
    now += 5_000
    await a.announce(record('a', now))
    expect(a.instances()!.map(({ instance }) => instance)).toEqual(['a'])
    expect(a.missing().map(({ instance }) => instance)).toEqual(['b'])
    now += 70_000
    await a.announce(record('a', now))
    expect(a.missing()).toEqual([])
  })
  it('is the same for instances whose clocks differ by seconds', async () => {
    let now = Date.now()
    const redis = openMemory({ now: () => now })
    const clocks = [-5_000, 0, 5_000].map(off => () => now + off)
    const registries = clocks.map(clock => createRegistry(redis, clock))
    for (let turn = 0; turn < 2; turn++)
      for (const [index, registry] of registries.entries())
        await registry.announce(record(`app${index}`, clocks[index]!()))
    expect(registries.map(registry => registry.instances()!.length)).toEqual([3, 3, 3])
    expect(registries.map(registry => registry.missing())).toEqual([[], [], []])
    now += 5_000
    await registries[0]!.announce(record('app0', clocks[0]!()))
    expect(registries[0]!.missing().map(({ instance }) => instance)).toEqual(['app1', 'app2'])
  })
  it('is not known while Redis is away: nobody is taken for working, and the last number still counts for an hour', async () => {
    let now = Date.now()
    const { redis, goAway } = interruptible(openMemory())
    const registry = createRegistry(redis, () => now)
    for (const name of ['b', 'c', 'd', 'e'])
      await createRegistry(redis, () => now).announce(record(name, now))
    await registry.announce(record('a', now))
    goAway()
    now += 5_000
    await expect(registry.announce(record('a', now))).rejects.toMatchObject({ type: 'unavailable' })
    expect(registry.instances()).toBeNull()
    expect(registry.count()).toBe(5)
    now += 3_600_000
    expect(registry.count()).toBe(3)
  })
})
