import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigurationError, loadConfig } from '#server/config/load.ts'
import { configurationPage } from '../../scripts/configuration-page.ts'

const folder = mkdtempSync(join(tmpdir(), 'fleet2-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const embedded = { NUXT_DATA_DIR: folder }
const real = { ...embedded, NODE_ENV: 'production', NUXT_DATABASE_URL: 'postgresql://u:p@db:5432/fleet', SESSION_PASSWORD: 'x'.repeat(40) }

function faults(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env, '1.0.0')
    return []
  }
  catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.faults
  }
}

describe('the configuration', () => {
  it('needs nothing for the embedded mode, and is in demo mode there', () => {
    const config = loadConfig(embedded, '1.0.0')
    expect(config).toMatchObject({ embeddedDatabase: true, embeddedRedis: true, demo: true, demoDrive: true, drainDelaySeconds: 0, version: '1.0.0' })
    expect(config.sessionPasswords[0].length).toBeGreaterThanOrEqual(32)
    expect(loadConfig(embedded, '1.0.0').sessionPasswords).toEqual(config.sessionPasswords)
  })
  it('is not in demo mode on a database of one\'s own', () => {
    expect(loadConfig(real, '1.0.0')).toMatchObject({ embeddedDatabase: false, demo: false, demoDrive: false, drainDelaySeconds: 5 })
  })
  it('lists every fault at once, each with what would be right', () => {
    const found = faults({ ...real, NUXT_DATABASE_URL: 'mysql://x', NUXT_REQUEST_TIMEOUT: 'soon', NUXT_LOG_LEVEL: 'loud', INSTANCE_ID: 'a b', NUXT_REDIS_SENTINEL_HOSTS: 's1', NUXT_TRUSTED_PROXIES: '10.0.0.0/99' })
    expect(found.map(fault => fault.split(' ')[0]).sort()).toEqual(['INSTANCE_ID', 'NUXT_DATABASE_URL', 'NUXT_LOG_LEVEL', 'NUXT_REDIS_SENTINEL_HOSTS', 'NUXT_REQUEST_TIMEOUT', 'NUXT_TRUSTED_PROXIES'])
    for (const fault of found) expect(fault).toMatch(/must be/)
  })
  it('never prints a secret', () => {
    expect(faults({ ...real, NUXT_DATABASE_URL: 'mysql://user:hunter2@x', SESSION_PASSWORD: 'hunter2' }).join('\n')).not.toContain('hunter2')
  })
  it('reads X_FILE for X, and refuses both', () => {
    const file = join(folder, 'secret')
    writeFileSync(file, `${'y'.repeat(40)}\n`)
    const { SESSION_PASSWORD: _, ...rest } = real
    expect(loadConfig({ ...rest, SESSION_PASSWORD_FILE: file }, '1.0.0').sessionPasswords).toEqual(['y'.repeat(40)])
    expect(faults({ ...real, SESSION_PASSWORD_FILE: file })).toEqual([expect.stringContaining('both set')])
    expect(faults({ ...rest, SESSION_PASSWORD_FILE: join(folder, 'missing') })[0]).toContain('cannot be read')
  })
  it('takes several session passwords, for rotation', () => {
    expect(loadConfig({ ...real, SESSION_PASSWORD: `${'a'.repeat(32)},${'b'.repeat(32)}` }, '1.0.0').sessionPasswords).toHaveLength(2)
    expect(faults({ ...real, SESSION_PASSWORD: `${'a'.repeat(32)},short` })).toHaveLength(1)
  })
  it('knows where the announced addresses of Redis are reached', () => {
    const redis = { ...embedded, NUXT_REDIS_URL: 'redis://:secret@redis:6379', NUXT_REDIS_SENTINEL_HOSTS: 's1:26379,s2:26379' }
    expect(loadConfig({ ...redis, NUXT_REDIS_NAT_MAP: '10.0.0.5:6379=localhost:16379, redis2:6379=127.0.0.1:16380' }, '1').redisNatMap)
      .toEqual({ '10.0.0.5:6379': { host: 'localhost', port: 16379 }, 'redis2:6379': { host: '127.0.0.1', port: 16380 } })
    expect(loadConfig(redis, '1')).toMatchObject({ redisNatMap: {}, redisSentinelTls: false, sessionProofSeconds: 3_600 })
    expect(faults({ ...redis, NUXT_REDIS_NAT_MAP: '10.0.0.5=localhost', NUXT_REDIS_TLS_CA: 'ca.pem', NUXT_REDIS_SENTINEL_TLS: 'yes' })).toHaveLength(3)
  })
  it('needs a session password with a database of one\'s own', () => {
    const { SESSION_PASSWORD: _, ...rest } = real
    expect(faults(rest)).toEqual([expect.stringContaining('SESSION_PASSWORD is missing')])
  })
  it('refuses demo users in production on a database of one\'s own', () => {
    expect(faults({ ...real, FLEET2_DEMO: 'true' })).toEqual([expect.stringContaining('FLEET2_DEMO')])
  })
  it('notices a misspelt variable and says which one was meant', () => {
    expect(faults({ ...real, NUXT_DATABSE_READ_URL: 'x' })).toEqual(['NUXT_DATABSE_READ_URL is not a variable of Fleet2; did you mean NUXT_DATABASE_READ_URL?'])
  })
  it.each([
    ['a replica without a primary', { ...embedded, NUXT_DATABASE_READ_URL: 'postgresql://u:p@db/fleet' }],
    ['Sentinels without the URL that gives the password', { ...real, NUXT_REDIS_SENTINEL_HOSTS: 's1:26379' }],
    ['a drain time-out that is over before the delay', { ...real, NUXT_DRAIN_DELAY: '20', NUXT_DRAIN_TIMEOUT: '10' }],
    ['half of a pair of S3 keys', { ...real, NUXT_STORAGE_S3_BUCKET: 'bucket', NUXT_STORAGE_S3_ACCESS_KEY_ID: 'k' }],
    ['a log file in a folder that is missing', { ...real, NUXT_LOG_FILE: '/nowhere/at/all/app.log' }],
    ['to break a promise of the database without the words that nobody writes by accident', { ...real, FLEET2_TEST_BREAK: 'no-records' }],
    ['a tile server without its places', { ...real, NUXT_MAP_TILES_URL: 'https://tiles.example.org/' }],
  ])('refuses %s', (_, env) => {
    expect(faults(env)).toHaveLength(1)
  })
  it('has a page in the docs that says the same', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationPage())
  })
})
