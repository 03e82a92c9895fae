import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigurationError, loadConfig } from '#server/config/load.ts'
import { configurationPage } from '../../tools/docs/configuration-page.ts'

const folder = mkdtempSync(join(tmpdir(), 'fleet2-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const embedded = { NUXT_DATA_DIR: folder }
const real = {
  ...embedded,
  NODE_ENV: 'production',
  NUXT_DATABASE_URL: 'postgresql://u:p@db:5432/fleet',
  SESSION_PASSWORD: 'x'.repeat(40),
}

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
    expect(config).toMatchObject({
      embeddedDatabase: true,
      embeddedRedis: true,
      demo: true,
      demoDrive: true,
      drainDelaySeconds: 0,
      version: '1.0.0',
    })
    expect(config.sessionPasswords[0].length).toBeGreaterThanOrEqual(32)
    expect(loadConfig(embedded, '1.0.0').sessionPasswords).toEqual(config.sessionPasswords)
  })
  it('is not in demo mode on a database of one\'s own', () => {
    expect(loadConfig(real, '1.0.0')).toMatchObject({
      embeddedDatabase: false,
      demo: false,
      demoDrive: false,
      drainDelaySeconds: 5,
    })
  })
  it('lists every fault at once, each with what would be right', () => {
    const found = faults({
      ...real,
      NUXT_DATABASE_URL: 'mysql://x',
      NUXT_REQUEST_TIMEOUT: 'soon',
      NUXT_LOG_LEVEL: 'loud',
      INSTANCE_ID: 'a b',
      NUXT_REDIS_SENTINEL_HOSTS: 's1',
      NUXT_TRUSTED_PROXIES: '10.0.0.0/99',
    })
    expect(found.map(fault => fault.split(' ')[0]).sort()).toEqual([
      'INSTANCE_ID',
      'NUXT_DATABASE_URL',
      'NUXT_LOG_LEVEL',
      'NUXT_REDIS_SENTINEL_HOSTS',
      'NUXT_REQUEST_TIMEOUT',
      'NUXT_TRUSTED_PROXIES',
    ])
    for (const fault of found) expect(fault).toMatch(/must be/)
  })
  it('never prints a secret', () => {
    expect(
      faults({ ...real, NUXT_DATABASE_URL: 'mysql://user:hunter2@x', SESSION_PASSWORD: 'hunter2' }).join(
        '\n',
      ),
    ).not.toContain('hunter2')
  })
  it('reads X_FILE for X, and refuses both', () => {
    const file = join(folder, 'secret')
    writeFileSync(file, `${'y'.repeat(40)}\n`)
    const { SESSION_PASSWORD: _, ...rest } = real
    expect(loadConfig({ ...rest, SESSION_PASSWORD_FILE: file }, '1.0.0').sessionPasswords).toEqual([
      'y'.repeat(40),
    ])
    expect(faults({ ...real, SESSION_PASSWORD_FILE: file })).toEqual([expect.stringContaining('both set')])
    expect(faults({ ...rest, SESSION_PASSWORD_FILE: join(folder, 'missing') })[0]).toContain('cannot be read')
  })
  it('takes several Prometheus, in their order, and tells none of their passwords', () => {
    const several = ' http://kim:secret@prometheus:9090 , https://metrics.example.org/prometheus'
    const { prometheusUrls } = loadConfig({ ...real, NUXT_PROMETHEUS_URL: several }, '1')
    expect(prometheusUrls.map(({ host }) => host)).toEqual(['prometheus:9090', 'metrics.example.org'])
    expect(loadConfig(real, '1')).toMatchObject({
      prometheusUrls: [], statusUptimeQuery: 'max(avg_over_time(fleet2:public_up[15m]))',
    })
    for (const wrong of ['prometheus:9090', 'ftp://p', 'http://p?x=1', 'http://kim:100%@p', 'http://a,b']) {
      expect(faults({ ...real, NUXT_PROMETHEUS_URL: wrong })).toEqual([
        expect.stringMatching(/^NUXT_PROMETHEUS_URL must be .* addresses without a query, such as \S+$/),
      ])
    }
  })
  it('wants the folder of the status page\'s notice, and not the notice', () => {
    const notice = (path: string) => ({ ...real, NUXT_STATUS_NOTICE_FILE: path })
    const path = join(folder, 'notice.json')
    expect(loadConfig(notice(path), '1').statusNoticeFile).toBe(path)
    expect(faults(notice('notice.json'))).toEqual([expect.stringContaining('must be an absolute path')])
    const faultsOfNowhere = faults(notice('/nowhere/at/all/notice.json'))
    expect(faultsOfNowhere).toEqual([expect.stringMatching(/folder .*\/nowhere\/at\/all$/)])
  })
  it('takes several session passwords, for rotation', () => {
    expect(
      loadConfig({ ...real, SESSION_PASSWORD: `${'a'.repeat(32)},${'b'.repeat(32)}` }, '1.0.0')
        .sessionPasswords,
    ).toHaveLength(2)
    expect(faults({ ...real, SESSION_PASSWORD: `${'a'.repeat(32)},short` })).toHaveLength(1)
  })
  it('knows where the announced addresses of Redis are reached', () => {
    const redis = {
      ...embedded,
      NUXT_REDIS_URL: 'redis://:secret@redis:6379',
      NUXT_REDIS_SENTINEL_HOSTS: 's1:26379,s2:26379',
    }
    expect(
      loadConfig(
        { ...redis, NUXT_REDIS_NAT_MAP: '10.0.0.5:6379=localhost:16379, redis2:6379=127.0.0.1:16380' },
        '1',
      ).redisNatMap,
    ).toEqual({
      '10.0.0.5:6379': { host: 'localhost', port: 16379 },
      'redis2:6379': { host: '127.0.0.1', port: 16380 },
    })
    expect(loadConfig(redis, '1')).toMatchObject({
      redisNatMap: {},
      redisSentinelTls: false,
      sessionProofSeconds: 3_600,
    })
    expect(
      faults({
        ...redis,
        NUXT_REDIS_NAT_MAP: '10.0.0.5=localhost',
        NUXT_REDIS_TLS_CA: 'ca.pem',
        NUXT_REDIS_SENTINEL_TLS: 'yes',
      }),
    ).toHaveLength(3)
  })
  it('knows the operators by their addresses, nobody by default, and names each that is none', () => {
    expect(loadConfig(embedded, '1')).toMatchObject({
      operators: [],
      opsPatroniUrls: [],
      opsPgbouncerHosts: [],
      prometheusUrls: [],
    })
    expect(
      loadConfig({ ...embedded, NUXT_OPERATORS: ' Kim@Example.org , lee@example.org,' }, '1').operators,
    ).toEqual(['kim@example.org', 'lee@example.org'])
    expect(faults({ ...embedded, NUXT_OPERATORS: 'kim@example.org,kim,@x' })).toEqual([
      'NUXT_OPERATORS must be e-mail addresses, separated by commas, such as kim@example.org,lee@example.org; "kim", "@x" are none (it is "kim@example.org,kim,@x")',
    ])
  })
  it('knows where the operators\' view asks, without passwords in addresses, and of PgBouncer as whom', () => {
    const asked = {
      NUXT_OPS_PATRONI_URLS: 'http://patroni1:8008/,http://[2001:db8::1]:8008',
      NUXT_OPS_PGBOUNCER_HOSTS: 'p1:6432',
    }
    expect(loadConfig({ ...real, ...asked }, '1')).toMatchObject({
      opsPatroniUrls: ['http://patroni1:8008', 'http://[2001:db8::1]:8008'],
      opsPgbouncerHosts: [{ host: 'p1', port: 6432 }],
    })
    const wrong = faults({ ...real, NUXT_OPS_PATRONI_URLS: 'http://user:hunter2@host:9090,prometheus' })
    expect(wrong).toEqual([expect.stringContaining('"http://…@host:9090", "prometheus" are none')])
    expect(wrong.join()).not.toContain('hunter2')
    expect(faults({ ...embedded, NUXT_OPS_PGBOUNCER_HOSTS: 'p1:6432' })).toEqual([
      'NUXT_OPS_PGBOUNCER_HOSTS is set without NUXT_DATABASE_URL, whose user asks them',
    ])
  })
  it('needs a session password with a database of one\'s own', () => {
    const { SESSION_PASSWORD: _, ...rest } = real
    expect(faults(rest)).toEqual([expect.stringContaining('SESSION_PASSWORD is missing')])
  })
  it('refuses demo users in production on a database of one\'s own', () => {
    expect(faults({ ...real, FLEET2_DEMO: 'true' })).toEqual([expect.stringContaining('FLEET2_DEMO')])
  })
  it('notices a misspelt variable and says which one was meant', () => {
    expect(faults({ ...real, NUXT_DATABSE_READ_URL: 'x' })).toEqual([
      'NUXT_DATABSE_READ_URL is not a variable of Fleet2; did you mean NUXT_DATABASE_READ_URL?',
    ])
  })
  it.each([
    ['a replica without a primary', { ...embedded, NUXT_DATABASE_READ_URL: 'postgresql://u:p@db/fleet' }],
    ['Sentinels without the URL that gives the password', { ...real, NUXT_REDIS_SENTINEL_HOSTS: 's1:26379' }],
    [
      'a drain time-out that is over before the delay',
      { ...real, NUXT_DRAIN_DELAY: '20', NUXT_DRAIN_TIMEOUT: '10' },
    ],
    [
      'half of a pair of S3 keys',
      { ...real, NUXT_STORAGE_S3_BUCKET: 'bucket', NUXT_STORAGE_S3_ACCESS_KEY_ID: 'k' },
    ],
    ['a log file in a folder that is missing', { ...real, NUXT_LOG_FILE: '/nowhere/at/all/app.log' }],
    [
      'to break a promise of the database without the words that nobody writes by accident',
      { ...real, FLEET2_TEST_BREAK: 'no-records' },
    ],
    [
      'an authority of Redis that cannot be read',
      { ...real, NUXT_REDIS_URL: 'rediss://redis', NUXT_REDIS_TLS_CA: '/nowhere/ca.pem' },
    ],
    ['a tile server without its places', { ...real, NUXT_MAP_TILES_URL: 'https://tiles.example.org/' }],
  ])('refuses %s', (_, env) => {
    expect(faults(env)).toHaveLength(1)
  })
  it('believes this machine alone, unless it is told otherwise', () => {
    const believes = (text: string | undefined, address: string) =>
      loadConfig({ ...real, NUXT_TRUSTED_PROXIES: text }, '1').trustedProxies.check(
        address,
        address.includes(':') ? 'ipv6' : 'ipv4',
      )
    for (const address of ['127.0.0.1', '127.8.9.1', '::1'])
      expect(believes(undefined, address), address).toBe(true)
    for (const address of ['10.0.0.1', '172.17.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1', '169.254.1.1'])
      expect(believes(undefined, address), address).toBe(false)
    expect(believes('172.30.83.0/24', '172.30.83.7')).toBe(true)
  })
  it.each([
    'postgresql://u:100%pw@db/fleet',
    'postgresql://u:p@ss/w:rd%@h:5432/fleet',
    'postgresql://u:p@ss/w:rd@h:5432/fleet',
    'postgresql://u:p@h1,h2:5432/fleet',
    'postgresql://u:p@h1:1,h2:2/fleet',
    'postgresql://u:p@h:99999/fleet',
    'postgresql://u:p@h',
    'postgresql://db/fleet',
    'postgresql://u:%C3%28@h/fleet',
    'mysql://u:p@h/fleet',
  ])('refuses a database address that the driver would misread, and shows nothing of it: %s', (url) => {
    for (const name of ['NUXT_DATABASE_URL', 'NUXT_DATABASE_READ_URL', 'NUXT_DATABASE_MIGRATION_URL']) {
      const found = faults({ ...real, [name]: url })
      expect(found).toEqual([
        expect.stringMatching(new RegExp(`^${name} must be postgresql://user:password@host:port/database`)),
      ])
      expect(found[0]).not.toContain(url.slice(13))
    }
  })
  it.each([
    'postgresql://u:p%40ss%2Fw%3Ard%25@h:5432/fleet',
    'postgresql://u@localhost/fleet?host=%2Frun%2Fpostgresql',
    'postgresql://u:p@[fd00::1]:5432/fleet',
    'postgres://u:p@h/fleet?sslmode=disable',
  ])('takes %s', url => expect(faults({ ...real, NUXT_DATABASE_URL: url })).toEqual([]))
  it.each([
    'redis://:100%pw@h',
    'redis://:p@ss/w:rd@h:6379',
    'redis://:p@ss/w:rd%@h:6379',
    'redis://h1,h2:6379',
    'redis://h:6379/abc',
    'redis://h:99999',
    'http://h',
    'redis:///run/redis.sock',
    'redis://:pw#1@h',
  ])('refuses an address of Redis that the driver would misread: %s', (url) => {
    expect(faults({ ...real, NUXT_REDIS_URL: url })).toEqual([
      expect.stringMatching(/^NUXT_REDIS_URL must be redis:\/\/:password@host:port/),
    ])
  })
  it.each(['redis://:p%40ss@h', 'rediss://u:p@[::1]:6380/2', 'redis://h'])('takes %s', url =>
    expect(faults({ ...real, NUXT_REDIS_URL: url })).toEqual([]),
  )
  it('knows addresses of both families wherever a host and a port are asked for', () => {
    const redis = { ...embedded, NUXT_REDIS_URL: 'redis://redis:6379' }
    expect(
      loadConfig(
        {
          ...redis,
          NUXT_REDIS_SENTINEL_HOSTS: '[::1]:26379, s2:26379',
          NUXT_REDIS_NAT_MAP: '[fd00::5]:6379=[::1]:16379',
        },
        '1',
      ),
    ).toMatchObject({
      redisSentinels: [
        { host: '::1', port: 26379 },
        { host: 's2', port: 26379 },
      ],
      redisNatMap: { 'fd00::5:6379': { host: '::1', port: 16379 } },
    })
    for (const text of ['::1:26379', '[s1]:26379', 's1:0', 's1:65536', '[::1]', 's1:26379,'])
      expect(faults({ ...redis, NUXT_REDIS_SENTINEL_HOSTS: text }), text).toHaveLength(1)
  })
  it('takes what a Kubernetes Service of our name puts into the environment for no slip of the hand, and a slip for one', () => {
    const links = {
      FLEET2_SERVICE_HOST: '10.0.0.7',
      FLEET2_SERVICE_PORT: '3000',
      FLEET2_PORT: 'tcp://10.0.0.7:3000',
      FLEET2_PORT_3000_TCP_ADDR: '10.0.0.7',
      NUXT_SERVICE_HOST: '10.0.0.8',
      NUXT_PORT: 'tcp://10.0.0.8:80',
    }
    expect(faults({ ...real, ...links })).toEqual([])
    expect(faults({ ...real, FLEET2_PORT: '3000' })).toEqual([
      expect.stringContaining('FLEET2_PORT is not a variable'),
    ])
    expect(faults({ ...real, NUXT_PORT: '3000' })).toEqual([
      'NUXT_PORT is read by nuxt dev alone, and a built instance would not listen there; set PORT',
    ])
    expect(
      faults({ ...embedded, NODE_ENV: 'development', NUXT_PORT: '3000', NUXT_VITE_NODE_OPTIONS: '{}' }),
    ).toEqual([])
  })
  it('takes no line\'s end for a part of a value', () => {
    const secrets = {
      NUXT_HEALTH_TOKEN: 'a-token-for-the-monitor',
      NUXT_REDIS_SENTINEL_PASSWORD: 'sentinel',
      SESSION_PASSWORD: 'z'.repeat(40),
      FLEET2_DEMO_PASSWORD: 'correct-horse-battery',
      NUXT_STORAGE_S3_SECRET_ACCESS_KEY: 's',
      NUXT_STORAGE_S3_ACCESS_KEY_ID: 'k',
      NUXT_STORAGE_S3_BUCKET: 'bucket',
    }
    const config = (env: Record<string, string>) => ({
      ...loadConfig({ ...real, ...env }, '1'),
      trustedProxies: null,
    })
    expect(
      config(Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, `${value}\r\n`]))),
    ).toEqual(config(secrets))
  })
  it.each(['abc', '70000', '-1', '3000/tcp'])('refuses the port %s', port =>
    expect(faults({ ...real, PORT: port })).toEqual([expect.stringMatching(/^PORT must be a whole number/)]),
  )
  it('has a page in the docs that says the same', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationPage())
  })
})
