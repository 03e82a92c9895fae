import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSessions } from '#server/identity/sessions.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestRedis
let redis: RedisPort
let admin: Redis
beforeAll(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
  // The policy of docs/redis.md, in little.
  await admin.config('SET', 'maxmemory', '24mb')
  await admin.config('SET', 'maxmemory-policy', 'volatile-lru')
  redis = openRedisClient({ url: server.url, sentinels: [], sentinelName: '', log })
  await until(() => redis.isUp())
})
afterAll(async () => {
  await redis.close()
  admin.disconnect()
  await server.stop()
})

it('under memory pressure cache entries go, and every session and stream stays', async () => {
  const sessions = createSessions(redis, {
    idleSeconds: 600,
    absoluteSeconds: 3_600,
    proofSeconds: 600,
    passwords: ['a-password-for-tests-of-at-least-32-characters'],
  })
  const secrets: string[] = []
  for (let n = 0; n < 1_000; n++)
    secrets.push(
      (
        await sessions.begin({
          userId: `user-${n % 50}`,
          organisationId: null,
          ipAddress: '192.0.2.1',
          userAgent: 'test',
        })
      ).secret,
    )
  for (let stream = 0; stream < 20; stream++) {
    for (let n = 0; n < 50; n++)
      await redis.streamAppend(`events:${stream}`, `event ${n} ${'x'.repeat(200)}`, {
        maxLength: 1_000,
        ttlSeconds: 3_600,
      })
  }
  // Four times what fits.
  const entry = 'x'.repeat(10_000)
  for (let n = 0; n < 10_000; n += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => redis.set(`cache:${n + i}`, entry, { ttlSeconds: 3_600 })),
    )

  const evicted = Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))![1])
  expect(evicted).toBeGreaterThan(5_000)
  expect(
    (await Promise.all(secrets.map(secret => sessions.find(secret)))).filter(found => found === null),
  ).toHaveLength(0)
  for (let n = 0; n < 50; n++) expect((await sessions.list(`user-${n}`, '')).length).toBe(20)
  for (let stream = 0; stream < 20; stream++)
    expect(await redis.streamRead(`events:${stream}`, '0-0', 1_000)).toHaveLength(50)
  const left = Number(await admin.eval('return #redis.call(\'KEYS\', \'fleet2:cache:*\')', 0))
  expect(left).toBeLessThan(10_000)
  console.log(
    `24 MB, 1,000 sessions, 20 streams of 50 events, 100 MB of cache entries: ${evicted.toLocaleString('en')} keys evicted, ${left.toLocaleString('en')} cache entries left, 0 sessions and 0 events lost`,
  )
})

it('that nothing evictable can relieve, writes are refused as if Redis were away, and what is there stays', async () => {
  await admin.eval(
    'for _, key in ipairs(redis.call(\'KEYS\', \'fleet2:cache:*\')) do redis.call(\'DEL\', key) end',
    0,
  )
  const value = 'x'.repeat(100_000)
  let refused: unknown = null
  for (let n = 0; n < 400 && !refused; n++)
    await redis
      .setDurable(`kept:${n}`, value, { ttlSeconds: 3_600 })
      .catch((error: unknown) => (refused = error))
  expect(refused).toMatchObject({ type: 'unavailable' })
  expect(await redis.get('kept:0')).toBe(value)
  expect(redis.isUp()).toBe(true)
})
