import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject, afterAll, beforeAll, describe, expect, it } from 'vitest'
import pg from 'pg'
import { migrate, SchemaMismatchError } from '#server/database/migrate.ts'
import { migrationsFromFolder } from '#server/database/migrations.ts'
import { createClient, signUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { startServer } from '../support/server.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const health = async (url: string, query = '') => {
  const response = await fetch(`${url}/api/health${query}`)
  return {
    code: response.status,
    ...((await response.json()) as {
      status: string
      mode: string
      reason?: string
      checks: Record<string, { status: string, reason?: string }>
    }),
  }
}

describe('an instance that starts', () => {
  it('has rendered whole pages before it is ready, from data that nobody else is shown', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_LOG_LEVEL: 'debug' },
      ready: false,
    })
    try {
      const answers: string[] = []
      let ready = false
      while (!ready) {
        for (const path of ['/api/v1/session', '/api/v1/vehicles'])
          answers.push(
            await fetch(server.url + path).then(
              async response => `${response.status} ${(await response.text()).includes('Rehearsal')}`,
            ),
          )
        ready = (await fetch(`${server.url}/api/health/ready`)).ok
      }
      // What it printed may reach us later than its answer. Without time for it, on a machine that is out of
      // breath, an instance that serves slowly is better than none: it says so.
      await until(() => / serves as /.test(server.output()), 'the instance to say that it serves')
      expect(server.output()).toMatch(/(pages were warmed up|no time to warm up)[^]* serves as /)
      expect(server.output()).not.toContain('not what it should be')
      expect(answers.length).toBeGreaterThan(0)
      expect(answers.filter(answer => !/^(401|503) false/.test(answer))).toEqual([])
    }
    finally {
      await server.stop()
    }
  })
})

describe('an instance that has not begun to serve', () => {
  it('says so with 503 at every address of programs, never by a page, and shows people one', async () => {
    // Without a database of one's own it makes one first: seconds in which nothing is there yet.
    const server = await startServer({ ready: false })
    try {
      const asBrowser = { headers: { accept: 'text/html' } }
      const ask = async (path: string) => {
        const answer = await fetch(server.url + path, asBrowser)
        const { status, headers } = answer
        const [type, retry] = ['content-type', 'retry-after'].map(name => headers.get(name))
        return { path, status, type, retry, text: await answer.text() }
      }
      const programs = ['/metrics', '/status.json', '/api/v1/vehicles', '/api/v1/session', '/api/events']
      const [page, ...answers] = await Promise.all(['/status', ...programs].map(ask))
      for (const answer of answers) {
        const { path } = answer
        expect(answer).toMatchObject({ path, status: 503, type: 'application/problem+json', retry: '1' })
        expect(JSON.parse(answer.text)).toMatchObject({ status: 503, detail: 'This instance is starting.' })
      }
      expect(page).toMatchObject({ status: 503, type: expect.stringMatching(/^text\/html/) as string })
      // Else the making of the database would go on for a moment, in a folder that is being removed.
      await until(() => / serves as /.test(server.output()), 'the instance to serve')
    }
    finally {
      await server.stop()
    }
  })
})

describe('an instance that is told to end', () => {
  it('finishes a slow request under load, says 503 to the balancer meanwhile, and exits with 0', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_DRAIN_DELAY: '1' },
    })
    const client = await signUp(server.url)
    // A row lock makes the request slow: it waits for us.
    const { body: { id } } = await client.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Slow' })
    const blocker = new pg.Client({ connectionString: database.ownerUrl })
    await blocker.connect()
    await blocker.query('BEGIN')
    await blocker.query(`SELECT 1 FROM vehicles WHERE id = '${id}' FOR UPDATE`)
    let stopLoad = false
    const failures: unknown[] = []
    const load = Promise.all(Array.from({ length: 4 }, async () => {
      while (!stopLoad) {
        await client.send('GET', '/api/v1/vehicles').then(
          ({ status }) => status < 400 || failures.push(status),
          error => failures.push(error),
        )
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }))
    const slow = client.send('PATCH', `/api/v1/vehicles/${id}`, { name: 'Finished' })
    await until(
      async () =>
        (
          await database.asOwner(
            'SELECT 1 FROM pg_stat_activity WHERE wait_event_type = \'Lock\' AND datname = current_database()',
          )
        ).length > 0,
      'the slow request to wait',
    )

    server.kill('SIGTERM')
    await until(async () => (await health(server.url)).code === 503)
    expect(await health(server.url)).toMatchObject({
      code: 503,
      status: 'unhealthy',
      reason: 'This instance is shutting down',
    })
    expect((await fetch(`${server.url}/api/health/ready`)).status).toBe(503)
    expect((await fetch(`${server.url}/api/health/live`)).status).toBe(200)
    expect((await client.send('GET', '/api/v1/vehicles')).headers.get('connection')).toBe('close')
    // The balancer has noticed: no more requests come.
    stopLoad = true
    await load
    await new Promise(resolve => setTimeout(resolve, 1_200))
    await blocker.query('COMMIT')
    await blocker.end()
    expect((await slow).body).toMatchObject({ name: 'Finished' })
    expect(failures).toEqual([])
    expect(await server.exited).toBe(0)
  })
  it('does not wait for connections that nobody speaks over', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_DRAIN_DELAY: '1', NUXT_DRAIN_TIMEOUT: '60' },
    })
    const { hostname, port } = new URL(server.url)
    const [silent, halfSaid] = [connect(Number(port), hostname), connect(Number(port), hostname)]
    for (const socket of [silent, halfSaid]) socket.on('error', () => {})
    halfSaid.write('GET / HTTP/1.1\r\nHost: ')
    await until(() => !silent.connecting && !halfSaid.connecting)
    server.kill('SIGTERM')
    expect(await server.exited).toBe(0)
    for (const socket of [silent, halfSaid]) socket.destroy()
  })
  it('twice ends at once', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_DRAIN_DELAY: '20', NUXT_DRAIN_TIMEOUT: '60' },
    })
    server.kill('SIGTERM')
    await until(() => server.output().includes('draining'))
    server.kill('SIGTERM')
    expect(await server.exited).toBe(1)
  })
  it('ends at its time-out, whatever is still running', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_DRAIN_TIMEOUT: '1' },
    })
    const client = await signUp(server.url)
    const { body: { id } } = await client.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Stuck' })
    const blocker = new pg.Client({ connectionString: database.ownerUrl })
    await blocker.connect()
    await blocker.query('BEGIN')
    await blocker.query(`SELECT 1 FROM vehicles WHERE id = '${id}' FOR UPDATE`)
    const stuck = client.send('PATCH', `/api/v1/vehicles/${id}`, { name: 'x' }).catch(() => 'cut')
    await until(
      async () =>
        (
          await database.asOwner(
            'SELECT 1 FROM pg_stat_activity WHERE wait_event_type = \'Lock\' AND datname = current_database()',
          )
        ).length > 0,
    )
    server.kill('SIGTERM')
    expect(await server.exited).toBe(1)
    expect(await stuck).toBe('cut')
    await blocker.query('ROLLBACK')
    await blocker.end()
  })
})

describe('an instance whose database is away', () => {
  it('at the start: starts, says so, answers 503 on what it cannot do, and recovers by itself', async () => {
    const proxy = await createTcpProxy(database.servingUrl)
    proxy.refuse()
    const server = await startServer({ env: { NUXT_DATABASE_URL: proxy.url, NUXT_REQUEST_TIMEOUT: '5' } })
    try {
      await until(async () => (await health(server.url)).mode === 'unavailable')
      // Nobody else is known to do better, so it stays in the balancer.
      expect(await health(server.url)).toMatchObject({
        code: 200,
        status: 'degraded',
        checks: { database: { status: 'unhealthy', reason: expect.any(String) } },
      })
      expect((await health(server.url, '?strict=1')).code).toBe(503)
      const client = createClient(server.url)
      const refused = await client.send('POST', '/api/v1/users', {
        name: 'X',
        email: 'x@example.org',
        password: 'a long enough password',
        organisationName: 'X',
      })
      expect([refused.status, refused.body.type]).toEqual([503, 'urn:fleet2:problem:unavailable'])
      expect(refused.headers.get('retry-after')).toBeTruthy()
      expect((await fetch(`${server.url}/sign-in`)).status).toBe(200)
      // A 503 is no surprise: the log holds no stack of it.
      expect(server.output()).not.toContain('"level":"error"')
      expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
      proxy.accept()
      await until(async () => (await health(server.url)).mode === 'normal')
      // Hashing the password takes its time on a busy machine, and the request has but five seconds.
      await until(
        () =>
          signUp(server.url).then(
            ({ session }) => session.organisation !== null,
            () => false,
          ),
        'a change to be taken again',
      )
    }
    finally {
      expect(await server.stop()).toBe(0)
      await proxy.close()
    }
  })
  it('and whose peers\' is not leaves the balancer, and comes back', async () => {
    const redis = await startRedis()
    const proxy = await createTcpProxy(database.servingUrl)
    const [mine, peer] = await Promise.all(
      [
        [proxy.url, 'app1'],
        [database.servingUrl, 'app2'],
      ].map(([url, instance]) =>
        startServer({ env: { NUXT_DATABASE_URL: url!, NUXT_REDIS_URL: redis.url, INSTANCE_ID: instance! } }),
      ),
    )
    try {
      proxy.refuse()
      await until(async () => (await health(mine!.url)).code === 503)
      expect(await health(mine!.url)).toMatchObject({
        status: 'unhealthy',
        reason: 'This instance cannot reach the database, but others can',
      })
      expect((await health(peer!.url)).code).toBe(200)
      // Without Redis nobody can be asked: it fails open.
      await redis.kill()
      await until(async () => (await health(mine!.url)).code === 200)
      await redis.start()
      proxy.accept()
      await until(async () => (await health(mine!.url)).mode === 'normal')
    }
    finally {
      await Promise.all([mine!.stop(), peer!.stop()])
      await redis.stop()
      await proxy.close()
    }
  })
  it('reads from the replica meanwhile, and says read-only', async () => {
    const proxy = await createTcpProxy(database.servingUrl)
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: proxy.url,
        NUXT_DATABASE_READ_URL: database.servingUrl,
        NUXT_REQUEST_TIMEOUT: '5',
        NUXT_DRAIN_TIMEOUT: '15',
      },
    })
    try {
      const client = await signUp(server.url)
      proxy.refuse()
      await until(async () => (await health(server.url)).mode === 'read-only')
      expect((await client.send('GET', '/api/v1/vehicles')).status).toBe(200)
      expect((await client.send('POST', '/api/v1/vehicles', { name: 'x' })).status).toBe(503)
    }
    finally {
      // Its own background work waits for the primary as well (the outbox: each second), and does not hold up
      // its end.
      expect(await server.stop()).toBe(0)
      await proxy.close()
    }
  })
})

describe('health', () => {
  it('has the specification\'s form, and shows the outside only the least of it', async () => {
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: database.servingUrl,
        INSTANCE_ID: 'app1',
        NUXT_HEALTH_TOKEN: 'a-token-for-the-monitor',
      },
    })
    const body = await health(server.url)
    expect(body).toMatchObject({
      code: 200,
      status: 'healthy',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      version: expect.any(String),
      instance: 'app1',
      mode: 'normal',
      uptime_seconds: expect.any(Number),
      checks: {
        database: { status: 'healthy', latency_ms: expect.any(Number), primary: { role: 'primary' } },
        redis: { status: 'healthy', latency_ms: expect.any(Number) },
        memory: { status: 'healthy', used_mb: expect.any(Number), limit_mb: expect.any(Number) },
        event_loop: { status: 'healthy' },
      },
    })
    const outside = { 'x-forwarded-for': '198.51.100.7' }
    const short = await (await fetch(`${server.url}/api/health`, { headers: outside })).json() as object
    expect(Object.keys(short).sort()).toEqual(['status', 'timestamp', 'version'])
    const monitor = (await (
      await fetch(`${server.url}/api/health`, {
        headers: { ...outside, authorization: 'Bearer a-token-for-the-monitor' },
      })
    ).json()) as object
    expect(monitor).toHaveProperty('checks')
    expect((await fetch(`${server.url}/metrics`, { headers: outside })).status).toBe(404)
    await server.stop()
  })
  it('costs no query, however often it is asked', async () => {
    const server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
    const transactions = async () =>
      Number(
        /fleet2_database_transactions_total\{pool="primary",kind="read"\} (\d+)/.exec(
          await (await fetch(`${server.url}/metrics`)).text(),
        )?.[1] ?? 0,
      )
    const before = await transactions()
    await Promise.all(
      Array.from({ length: 500 }, () =>
        fetch(`${server.url}/api/health`).then(response => response.arrayBuffer()),
      ),
    )
    // The outbox's relay and the jobs go on looking now and then; the probes add nothing to it.
    expect(await transactions() - before).toBeLessThan(50)
    await server.stop()
  })
  it('is measured by metrics with the specification\'s names and bounded labels', async () => {
    const server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
    const client = await signUp(server.url)
    for (let n = 0; n < 5; n++) {
      await client.send('GET', `/api/v1/vehicles/${crypto.randomUUID()}`)
      await client.send('GET', `/api/v1/made-up-${n}`)
      await client.send('GET', `/made-up-${n}`)
    }
    const text = await (await fetch(`${server.url}/metrics`)).text()
    for (const name of [
      'http_requests_total',
      'http_request_duration_seconds_bucket',
      'nodejs_heap_size_bytes',
      'db_connections_active',
      'process_cpu_seconds_total',
      'fleet2_mode',
    ])
      expect(text).toContain(`\n${name}{`.replace(/cpu_seconds_total\{/, 'cpu_seconds_total '))
    expect(text).toContain('# TYPE http_requests_errors_total counter')
    expect(text).toMatch(
      /http_requests_total\{method="GET",route="\/api\/v1\/vehicles\/:id",status="404"\} 5/,
    )
    expect(text).not.toContain('made-up')
    await server.stop()
  })
})

describe('the start', () => {
  it('stops at a bad configuration with all faults and exit code 78, before it listens', async () => {
    const server = await startServer({
      ready: false,
      env: { NUXT_DATABASE_URL: 'mysql://x', NUXT_REQUEST_TIMEOUT: 'soon', NUXT_DATABSE_READ_URL: 'x' },
    })
    expect(await server.exited).toBe(78)
    for (const name of ['NUXT_DATABASE_URL', 'NUXT_REQUEST_TIMEOUT', 'NUXT_DATABSE_READ_URL'])
      expect(server.output()).toContain(name)
    expect(server.output()).not.toContain('Listening')
  })
  it('waits for a schema that is behind, and goes on when it has been migrated', async () => {
    const empty = `empty_${Date.now()}`
    const admin = new pg.Client({ connectionString: inject('ownerUrl').replace(/fleet$/, 'postgres') })
    await admin.connect()
    await admin.query(`CREATE DATABASE ${empty}`)
    const [ownerUrl, servingUrl] = [inject('ownerUrl'), inject('servingUrl')].map(url =>
      url.replace(/fleet$/, empty),
    ) as [string, string]
    const server = await startServer({ ready: false, env: { NUXT_DATABASE_URL: servingUrl } })
    try {
      await until(() => server.output().includes('npm run db:migrate'))
      expect((await health(server.url)).code).toBe(503)
      const migrations = await migrationsFromFolder(
        fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
      )
      expect(
        await Promise.all([
          migrate({ ownerUrl, servingUrl, migrations }),
          migrate({ ownerUrl, servingUrl, migrations }),
        ]).then(done => done.flat()),
      ).toEqual(migrations.map(({ number }) => number))
      await until(async () => (await health(server.url)).code === 200)

      await expect(
        migrate({
          ownerUrl,
          servingUrl,
          migrations: migrations.map(migration => ({ ...migration, checksum: 'other' })),
        }),
      ).rejects.toThrow(SchemaMismatchError)
      await expect(migrate({ ownerUrl, servingUrl: ownerUrl, migrations })).rejects.toThrow(/superuser/)
      const newer = new pg.Client({ connectionString: ownerUrl })
      await newer.connect()
      await newer.query(
        `INSERT INTO schema_migrations (number, name, checksum, requires_code) VALUES (99, 'future', '', 99)`,
      )
      await newer.end()
      const old = await startServer({ ready: false, env: { NUXT_DATABASE_URL: servingUrl } })
      expect(await old.exited).toBe(1)
      expect(old.output()).toContain('newer than this version')
    }
    finally {
      await server.stop()
      await admin.query(`DROP DATABASE ${empty} WITH (FORCE)`)
      await admin.end()
    }
  })
  it('on the embedded defaults keeps its data over a stop and a kill -9, restarts a database that died, and says that it is for one instance', async () => {
    const data = await mkdtemp(join(tmpdir(), 'fleet2-embedded-'))
    const env = { NUXT_DATA_DIR: join(data, 'd'), SESSION_PASSWORD: '' }
    try {
      let server = await startServer({ env })
      expect(server.output()).toContain('for one instance')
      const user = await signUp(server.url)
      expect(await server.stop()).toBe(0)

      server = await startServer({ env })
      // The session too: the stand-in for Redis keeps it in a file.
      expect(
        (
          await createClient(server.url).send('GET', '/api/v1/session', undefined, {
            headers: { cookie: user.cookie() },
          })
        ).status,
      ).toBe(200)
      const client = createClient(server.url)
      expect(
        (await client.send('POST', '/api/v1/session', { email: user.email, password: user.password })).status,
      ).toBe(201)
      await client.send('POST', '/api/v1/vehicles', { name: 'Kept' })
      server.kill('SIGKILL')
      await server.exited

      server = await startServer({ env })
      expect(server.output()).toContain('Taking over the embedded database')
      const again = createClient(server.url)
      await again.send('POST', '/api/v1/session', { email: user.email, password: user.password })
      expect(
        (await again.send<{ items: { name: string }[] }>('GET', '/api/v1/vehicles')).body.items.map(
          ({ name }) => name,
        ),
      ).toEqual(['Kept'])
      expect(await server.stop()).toBe(0)
    }
    finally {
      await rm(data, { recursive: true, force: true })
    }
  })
  it('in demo mode makes its users once, prints their password once, and its vehicles drive', async () => {
    const data = await mkdtemp(join(tmpdir(), 'fleet2-demo-'))
    const env = { NUXT_DATA_DIR: join(data, 'd'), FLEET2_DEMO: 'true', SESSION_PASSWORD: '' }
    try {
      let server = await startServer({ env })
      await until(() => server.output().includes('Sign in as'))
      const password = /password {2}(\S+)/.exec(server.output())![1]!
      const client = createClient(server.url)
      for (const role of ['viewer', 'driver', 'dispatcher', 'manager', 'owner']) {
        expect(
          (await client.send('POST', '/api/v1/session', { email: `${role}@demo.fleet2.test`, password }))
            .status,
        ).toBe(201)
      }
      const times = async () =>
        new Set(
          (
            await client.send<{ items: { lastPosition: { fixTime: string } }[] }>('GET', '/api/v1/vehicles')
          ).body.items.map(({ lastPosition }) => lastPosition?.fixTime),
        )
      const first = await times()
      await until(async () => [...await times()].some(time => !first.has(time)), 'the vehicles to drive')
      await server.stop()
      expect(server.output().split(password)).toHaveLength(2)

      server = await startServer({ env })
      await until(() => server.output().includes('Sign in as'))
      expect(server.output()).not.toContain(password)
      expect(
        (
          await createClient(server.url).send('POST', '/api/v1/session', {
            email: 'owner@demo.fleet2.test',
            password,
          })
        ).status,
      ).toBe(201)
      await server.stop()
    }
    finally {
      await rm(data, { recursive: true, force: true })
    }
  })
})

it('npm run db:migrate names what is missing', async () => {
  const data = await mkdtemp(join(tmpdir(), 'fleet2-migrate-'))
  const child = spawn(process.execPath, ['scripts/migrate.ts'], {
    env: { PATH: process.env.PATH, NUXT_DATA_DIR: data },
  })
  let output = ''
  child.stderr.on('data', data => output += String(data))
  const [code] = await once(child, 'exit')
  await rm(data, { recursive: true, force: true })
  expect([code, output]).toEqual([78, expect.stringContaining('NUXT_DATABASE_MIGRATION_URL')])
})
