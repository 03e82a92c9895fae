import { Redis } from 'ioredis'
import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRedisClient } from '#server/redis/redis.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestRedis
let admin: Redis
/** The rules of `docs/redis.md`, to the letter. */
let rules: string[]
beforeAll(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
  const page = await readFile(new URL('../../docs/redis.md', import.meta.url), 'utf8')
  rules = /^ {4}user fleet_app on >\S+ (.+)$/m.exec(page)![1]!.split(' ')
})
afterAll(async () => {
  admin.disconnect()
  await server.stop()
})

async function as(name: string, ...given: string[]) {
  await admin.call('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...given)
  return openRedisClient({
    url: server.url.replace('://', `://${name}:secret@`),
    sentinels: [],
    sentinelName: '',
    log,
    sweepMs: 50,
  })
}

describe('a user of Redis', () => {
  it('with the permissions of the handbook can do all that Fleet2 asks', async () => {
    const redis = await as('enough', ...rules)
    await until(() => redis.isUp())
    const heard: string[] = []
    await redis.streamFollow('s', { onEntry: ({ value }) => heard.push(value), onGap() {} })
    await redis.set('a', '1', { ttlSeconds: 60 })
    await redis.getMany(['a'])
    await redis.fill('a', '2', { ttlSeconds: 60, unless: '#' })
    await redis.setDurable('k', '1', { ttlSeconds: 0.01 })
    await redis.expire('a', 60)
    await redis.increment('n', { ttlSeconds: 60 })
    await redis.hashSet('h', 'f', 'v', { ttlSeconds: 60 })
    await redis.hashAnnounce('i', 'f', 'v', { expireAfterMs: 1_000 })
    await redis.hashGetAll('h')
    await redis.hashDelete('h', 'f')
    await redis.streamAppend('s', 'x', { maxLength: 10, ttlSeconds: 60 })
    await redis.streamRange('s')
    await redis.streamRead('s', '0-0', 1)
    await redis.replication()
    await redis.delete('a')
    expect((await redis.ping()).role).toBe('master')
    await until(() => heard.includes('x'))
    await until(async () => await redis.get('k') === null, 'the sweep')
    expect(redis.trouble()).toBeNull()
    await redis.close()
  })
  it('without INFO and ROLE is named with the command that it lacks, instead of a Redis that does not answer', async () => {
    const redis = await as('tight', '~*', '+@all', '-@dangerous')
    await until(() => redis.trouble() !== null)
    expect(redis.trouble()).toMatch(/^Redis refuses ROLE: NOPERM/)
    await redis.close()
  })
  it('without scripts is named too, and what needs them goes on as without Redis', async () => {
    const redis = await as('scriptless', '~*', '+@all', '-@scripting')
    await until(() => redis.isUp())
    await expect(redis.increment('n', { ttlSeconds: 60 })).rejects.toMatchObject({ type: 'unavailable' })
    expect(redis.trouble()).toMatch(/^Redis refuses EVAL: NOPERM/)
    await redis.set('a', '1', { ttlSeconds: 60 })
    await redis.close()
  })
})

it('a database that the server does not have is a failed connection with its reason, and nothing is written into database 0', async () => {
  await admin.flushall()
  const redis = openRedisClient({ url: `${server.url}/99`, sentinels: [], sentinelName: '', log })
  await until(() => redis.trouble() !== null)
  expect(redis.trouble()).toBe('Redis refuses SELECT: ERR DB index is out of range')
  await expect(redis.set('a', '1')).rejects.toMatchObject({ type: 'unavailable' })
  expect(await admin.dbsize()).toBe(0)
  await redis.close()
  const other = openRedisClient({ url: `${server.url}/3`, sentinels: [], sentinelName: '', log })
  await until(() => other.isUp())
  await other.set('a', '1')
  expect(await admin.dbsize()).toBe(0)
  await other.close()
})
