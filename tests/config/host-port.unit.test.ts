import { describe, expect, it } from 'vitest'
import { formatHostPort, parseHostPort } from '#server/config/host-port.ts'
import { loadConfig } from '#server/config/load.ts'

describe('host:port', () => {
  it.each([
    ['sentinel1:26379', 'sentinel1', 26_379],
    ['fleet2_redis-1:1', 'fleet2_redis-1', 1],
    ['192.0.2.1:65535', '192.0.2.1', 65_535],
    ['[::1]:26379', '::1', 26_379],
    ['[2001:db8::2]:6379', '2001:db8::2', 6_379],
    ['redis.example.org:6379', 'redis.example.org', 6_379],
  ])('%s is read, and written again', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port })
    expect(formatHostPort({ host, port })).toBe(text)
  })
  it.each([
    'redis',
    'redis:',
    ':6379',
    'redis:0',
    'redis:65536',
    '::1:6379',
    '[::1]',
    '[redis]:6379',
    '[192.0.2.1]:1',
    '300.1.1.1:6379',
    'a b:1',
    'redis:6379:1',
    '-a:1',
    'a.:1',
  ])('%s is none', (text) => {
    expect(parseHostPort(text)).toBeNull()
  })
  it('of all families stands in the Sentinels and in the NAT map', () => {
    const env = {
      NUXT_DATABASE_URL: 'postgresql://u:p@h/d',
      SESSION_PASSWORD: 'x'.repeat(32),
      NUXT_REDIS_URL: 'redis://[::1]:6379/3',
      NUXT_REDIS_SENTINEL_HOSTS: '[::1]:26379,sentinel2:26379',
      NUXT_REDIS_NAT_MAP: '[2001:db8::5]:6379=[::1]:16379,10.0.0.6:6379=localhost:16380',
    }
    const config = loadConfig(env, '0')
    expect(config.redisSentinels).toEqual([
      { host: '::1', port: 26_379 },
      { host: 'sentinel2', port: 26_379 },
    ])
    expect(config.redisNatMap).toEqual({
      '2001:db8::5:6379': { host: '::1', port: 16_379 },
      '10.0.0.6:6379': { host: 'localhost', port: 16_380 },
    })
    expect(() => loadConfig({ ...env, NUXT_REDIS_URL: 'redis://h:6379/main' }, '0')).toThrow(
      /NUXT_REDIS_URL must be .*with the number of the database/,
    )
  })
})
