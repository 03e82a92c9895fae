import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createAddresses } from '#server/database/addresses.ts'
import { createProber, unreachable } from '#server/database/probe.ts'
import { migrate } from '#server/database/migrate.ts'
import { migrationsFromFolder } from '#server/database/migrations.ts'
import { resolver } from '#server/telemetry/resolver.ts'
import { signUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const migrations = await migrationsFromFolder(
  fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
)
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const report = async (url: string) => {
  const response = await fetch(`${url}/api/health`)
  return {
    code: response.status,
    ...((await response.json()) as {
      status: string
      reason?: string
      checks: { database: { status: string, reason?: string } }
    }),
  }
}

describe('health', () => {
  it('does not call well what answers the monitor alone, and is well again when the pool is', async () => {
    const own = await createTestDatabase()
    const server = await startServer({ env: { NUXT_DATABASE_URL: own.servingUrl } })
    try {
      const client = await signUp(server.url)
      const name = new URL(own.servingUrl).pathname.slice(1)
      // No more sessions for the role: what is there (the monitor's) stays.
      await own.asOwner(`ALTER DATABASE ${name} CONNECTION LIMIT 0`)
      await own.asOwner(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = \'fleet2\'',
      )
      const asking = new AbortController()
      const people = (async () => {
        while (!asking.signal.aborted) await client.send('GET', '/api/v1/vehicles').catch(() => {})
      })()
      await until(
        async () =>
          (await report(server.url)).checks.database.reason
          === 'The server responds, but no connection of the pool reaches it',
        'health to notice',
        60_000,
      )
      expect(await report(server.url)).toMatchObject({
        status: 'degraded',
        reason: 'The database cannot be reached',
        checks: { database: { status: 'unhealthy' } },
      })
      asking.abort()
      await own.asOwner(`ALTER DATABASE ${name} CONNECTION LIMIT -1`)
      await people
      // Also with nobody asking.
      await until(
        async () => (await report(server.url)).status === 'healthy',
        'health to be well again',
        60_000,
      )
    }
    finally {
      await server.stop()
      await own.drop()
    }
  })

  it.each<[string, (url: URL) => void, RegExp]>([
    [
      'a server without TLS',
      url => url.searchParams.set('sslmode', 'require'),
      /^The server does not offer TLS$/,
    ],
    [
      'a parameter that the server refuses',
      url => url.searchParams.set('options', '-c no_such_parameter=1'),
      /^The server rejected a parameter in the connection URL/,
    ],
    [
      'a value that the server refuses',
      url => url.searchParams.set('options', '-c statement_timeout=soon'),
      /^The server rejected a parameter in the connection URL/,
    ],
    [
      'a wrong password',
      (url) => {
        url.password = 'wrong'
      },
      /^Authentication failed$/,
    ],
    [
      'a database that is not there',
      (url) => {
        url.pathname = '/nowhere'
      },
      /^The database does not exist$/,
    ],
    [
      'a port on which nobody listens',
      (url) => {
        url.port = '1'
      },
      /^Connection refused$/,
    ],
    [
      'a name that nobody has',
      (url) => {
        url.hostname = 'nobody.invalid'
      },
      /^Host name not found$/,
    ],
  ])('names the cause: %s', async (_, change, words) => {
    const url = new URL(database.servingUrl)
    change(url)
    const addresses = createAddresses({
      pool: 'primary',
      resolver,
      log: pino({ level: 'silent' }),
      onLeft() {},
    })
    const prober = createProber(url.href, 10_000, addresses, () => {})
    const error: unknown = await prober.probe().then(
      () => null,
      error => error,
    )
    prober.close()
    addresses.close()
    expect(unreachable(error).error).toMatch(words)
  })
})

describe('a database that somebody has set up otherwise', () => {
  it('does not change what the serving role reads and writes', async () => {
    const own = await createTestDatabase()
    const name = new URL(own.servingUrl).pathname.slice(1)
    const strange = {
      datestyle: '\'German\'',
      intervalstyle: '\'sql_standard\'',
      timezone: '\'Asia/Kathmandu\'',
      standard_conforming_strings: 'off',
      bytea_output: '\'escape\'',
      extra_float_digits: '-3',
      search_path: '\'nowhere\'',
      default_transaction_read_only: 'on',
      synchronous_commit: 'off',
      client_min_messages: '\'error\'',
    }
    for (const [setting, value] of Object.entries(strange))
      await own.asOwner(`ALTER DATABASE ${name} SET ${setting} = ${value}`)
    const server = await startServer({ ready: false, env: { NUXT_DATABASE_URL: own.servingUrl } })
    try {
      // Not migrated since: it says what is wrong, and serves nobody.
      await until(
        async () =>
          /behind this version|set otherwise than needed/.test(
            (await report(server.url).catch(() => ({ reason: '' }))).reason ?? '',
          ),
        'the instance to say what is wrong',
      )
      expect((await report(server.url)).code).toBe(503)
      await own.asOwner(`ALTER DATABASE ${name} RESET search_path`)
      await until(
        async () =>
          /set otherwise than needed \(DateStyle is "German, DMY" and must be/.test(
            (await report(server.url)).reason ?? '',
          ),
        'the instance to name the settings',
      )
      expect((await fetch(`${server.url}/api/health/ready`)).status).toBe(503)
      await migrate({ ownerUrl: own.ownerUrl, servingUrl: own.servingUrl, migrations })
      await own.asOwner(`ALTER DATABASE ${name} SET search_path = 'nowhere'`)
      await until(async () => (await report(server.url)).code === 200, 'the instance to serve')
      const client = await signUp(server.url)
      expect((await client.send('POST', '/api/v1/vehicles', { name: 'Wagen \\ 1' })).status).toBe(201)
      expect(
        (await client.send<{ items: { name: string }[] }>('GET', '/api/v1/vehicles')).body.items.map(
          vehicle => vehicle.name,
        ),
      ).toEqual(['Wagen \\ 1'])
      expect((await client.send('GET', '/api/v1/devices')).status).toBe(200)
    }
    finally {
      await server.stop()
      await own.drop()
    }
  })
})

describe('a deploy', () => {
  it('of four migrators at once applies each migration once, and passwords with every sign in them are the passwords', async () => {
    const name = `four_${randomBytes(4).toString('hex')}`
    const role = `odd_${randomBytes(4).toString('hex')}`
    const admin = new pg.Client({ connectionString: inject('ownerUrl').replace(/fleet$/, 'postgres') })
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    const ownerUrl = inject('ownerUrl').replace(/fleet$/, name)
    const serving = new URL(inject('servingUrl').replace(/fleet$/, name))
    serving.username = role
    const servingUrl = serving.href.replace(/:[^:@/]*@/, `:${encodeURIComponent('p@ss/w:rd%#?& ä')}@`)
    try {
      const done = await Promise.all(
        Array.from({ length: 4 }, () => migrate({ ownerUrl, servingUrl, migrations })),
      )
      expect(done.flat().sort((a, b) => a - b)).toEqual(migrations.map(({ number }) => number))
      const server = await startServer({ env: { NUXT_DATABASE_URL: servingUrl } })
      await signUp(server.url)
      expect(await server.stop()).toBe(0)
    }
    finally {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.query(`DROP ROLE IF EXISTS ${role}`)
      await admin.end()
    }
  })
})
