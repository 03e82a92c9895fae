import { get, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Known, OperationsView, Timeline } from '#shared/operations.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const named = 'named-and-not-there@example.org'
let database: TestDatabase
let proxy: TcpProxy
let redis: TestRedis
let ordinary: TestServer
let servers: TestServer[]
let operator: SignedUp
let other: SignedUp

/** Accounts are made on an instance that names nobody; the others name one of them. */
beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()])
  proxy = await createTcpProxy(database.servingUrl)
  const env = { NUXT_DATABASE_URL: proxy.url, NUXT_REDIS_URL: redis.url }
  ordinary = await startServer({ env: { ...env, INSTANCE_ID: 'app0' } })
  operator = await signUp(ordinary.url, 'The operator\'s own secret organisation')
  other = await signUp(ordinary.url, 'Another organisation')
  await operator.send('POST', '/api/v1/vehicles', { name: 'A secret vehicle' })
  const operators = ` ${operator.email.toUpperCase()} ,${named}`
  servers = await Promise.all(
    ['app1', 'app2'].map(
      name => startServer({ env: { ...env, INSTANCE_ID: name, NUXT_OPERATORS: operators } }),
    ),
  )
})
afterAll(async () => {
  await Promise.all([ordinary, ...servers].map(server => server.stop()))
  await proxy.close()
  await redis.stop()
  await database.drop()
})

/** The same browser at another instance. */
function at(server: TestServer, { cookie }: Client): Client {
  const client = createClient(server.url)
  return {
    ...client,
    send: (method, path, body, options = {}) => client.send(
      method, path, body, { ...options, headers: { cookie: cookie(), ...options.headers } },
    ),
  }
}
interface Answer { view: OperationsView, timeline: Timeline }
const look = async (server: TestServer) => (
  await at(server, operator).send<Answer>('GET', '/api/v1/operations')
).body

interface StreamEvent { name: string, data: unknown }
async function open(server: TestServer, client: Client) {
  const events: StreamEvent[] = []
  let ended = false
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(
      `${server.url}/api/events/operations`, { headers: { cookie: client.cookie() } }, resolve,
    ).on('error', reject)
  })
  let buffer = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    buffer += text
    for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
      const fields = Object.fromEntries(
        buffer.slice(0, end).split('\n').map(line => line.split(/: (.*)/s).slice(0, 2)),
      )
      if (fields.event) events.push({ name: fields.event, data: JSON.parse(fields.data!) })
    }
  }).on('close', () => {
    ended = true
  }).on('error', () => {})
  const views = () => events.filter(({ name }) => name === 'operations').map(
    ({ data }) => data as OperationsView,
  )
  return { response, events, views, isEnded: () => ended, close: () => response.destroy() }
}

describe('who is no operator', () => {
  const paths = ['/api/v1/operations', '/api/v1/operations/charts', '/api/events/operations']
  it.each(paths)('%s is not there for a member, nor for anybody where none is named', async (path) => {
    for (const client of [at(servers[0]!, other), at(ordinary, operator)]) {
      const { status, body, headers } = await client.send('GET', path)
      expect([status, body.type, headers.get('content-type')]).toEqual(
        [404, 'urn:fleet2:problem:not-found', 'application/problem+json'],
      )
    }
    expect((await createClient(servers[0]!.url).send('GET', path)).status).toBe(401)
  })

  it('the page is not there either, and no link leads to it', async () => {
    const page = { headers: { accept: 'text/html' } }
    const refused = await at(servers[0]!, other).send<string>('GET', '/ops', undefined, page)
    expect([refused.status, refused.body.includes('Page not found')]).toEqual([404, true])
    expect(
      (await at(servers[0]!, other).send<string>('GET', '/', undefined, page)).body,
    ).not.toContain('href="/ops"')
    expect(
      (await at(servers[0]!, operator).send<string>('GET', '/', undefined, page)).body,
    ).toContain('href="/ops"')
    expect(
      (await at(ordinary, operator).send<string>('GET', '/', undefined, page)).body,
    ).not.toContain('href="/ops"')
  })

  it('becomes none by a new account with an address that is named, nor by an invitation', async () => {
    const form = {
      name: 'Mallory', email: named, password: 'a long enough password', organisationName: 'Mallory\'s',
    }
    const refused = await createClient(servers[0]!.url).send('POST', '/api/v1/users', form)
    expect([refused.status, refused.body.errors]).toEqual(
      [409, [{ path: 'email', message: 'is reserved for an operator of this installation' }]],
    )
    const invited = await at(servers[0]!, other).send<{ path: string }>(
      'POST', '/api/v1/invitations', { email: named, role: 'viewer' },
    )
    const token = invited.body.path.split('#').at(-1)!.replace(/^token=/, '')
    const accepted = await createClient(servers[0]!.url).send(
      'POST', '/api/v1/invitation-acceptances', { token, name: 'Mallory', password: form.password },
    )
    expect([accepted.status, accepted.body.errors]).toEqual(
      [409, [{ path: 'email', message: 'is reserved for an operator of this installation' }]],
    )
    expect(await database.asOwner('SELECT 1 FROM users WHERE email = $1', [named])).toEqual([])
    // Whose address has an account is told so, as everybody is.
    const taken = await createClient(servers[0]!.url).send(
      'POST', '/api/v1/users', { ...form, email: operator.email },
    )
    expect([taken.status, taken.body.errors]).toEqual(
      [409, [{ path: 'email', message: 'already has an account' }]],
    )
  })
})

describe('an operator', () => {
  it('sees instances, database, Redis, what is not configured; and nothing of any organisation', async () => {
    await until(
      async () => (await look(servers[0]!)).view.instances.value?.length === 3,
      'the instances to know of each other',
    )
    const { view, timeline } = await look(servers[0]!)
    expect(view).toMatchObject({
      instance: 'app1', mode: 'normal', instances: { state: 'known' },
      router: { state: 'known', value: { primary: { reachable: true, role: 'primary' }, replica: null } },
      redis: { state: 'known', value: { kind: 'redis', master: `127.0.0.1:${redis.port}`, replicas: [] } },
    })
    for (
      const part of ['patroni', 'balancers', 'poolers', 'proxies', 'etcd', 'sentinels'] as const
    ) expect([part, view[part].state]).toEqual([part, 'not-configured'])
    expect(timeline.state).toBe('known')
    expect(JSON.stringify({ view, timeline })).not.toMatch(/secret|example\.org/i)
    const session = await at(servers[0]!, operator).send('GET', '/api/v1/session')
    expect(
      [session.body.operator, (await at(servers[0]!, other).send('GET', '/api/v1/session')).body.operator],
    ).toEqual([true, undefined])
    expect(servers[0]!.output()).toContain('An operator opened the operations view')
  })

  it('sees when each instance began, and the version once', async () => {
    await until(
      async () => (await look(servers[0]!)).timeline.value!.filter(
        ({ kind }) => kind === 'start',
      ).length === 3,
    )
    const lines = (await look(servers[0]!)).timeline.value!
    expect(
      lines.filter(({ kind }) => kind === 'start').map(({ subject }) => subject).sort(),
    ).toEqual(['app0', 'app1', 'app2'])
    expect(lines.filter(({ kind }) => kind === 'version').length).toBe(1)
  })

  it('sees that an instance drains, and that another falls silent', async () => {
    const env = { NUXT_DATABASE_URL: proxy.url, NUXT_REDIS_URL: redis.url }
    const [drains, dies] = await Promise.all(
      ['app8', 'app9'].map(name => startServer({ env: { ...env, INSTANCE_ID: name } })),
    )
    await until(
      async () => (await look(servers[0]!)).view.instances.value!.some(({ name }) => name === 'app9'),
    )
    await drains!.stop()
    dies!.kill('SIGKILL')
    await dies!.exited
    await until(
      async () => (await look(servers[0]!)).view.instances.value!.some(
        ({ name, silent }) => name === 'app9' && silent,
      ),
    )
    const lines = async (kind: string) => (await look(servers[0]!)).timeline.value!.filter(
      one => one.kind === kind,
    ).map(({ subject }) => subject)
    await until(async () => (await lines('silent')).length > 0)
    expect([await lines('drain'), await lines('silent')]).toEqual([['app8'], ['app9']])
  })

  it('is told of changes by the stream, and the page is whole before it', async () => {
    const stream = await open(servers[0]!, operator)
    expect(stream.response.headers['content-type']).toContain('text/event-stream')
    await until(() => stream.views().length >= 3, 'three views')
    expect(stream.events.map(({ name }) => name).slice(0, 3)).toEqual(['status', 'operations', 'timeline'])
    const moments = stream.views().map(({ at }) => at)
    expect([...moments].sort()).toEqual(moments)
    // The time-line comes again only when it has changed; the first look of a stream knows nothing of the one
    // before.
    expect(stream.events.filter(({ name }) => name === 'timeline').length).toBeLessThanOrEqual(2)
    stream.close()
    const page = await at(servers[0]!, operator).send<string>(
      'GET', '/ops', undefined, { headers: { accept: 'text/html' } },
    )
    expect(
      [page.status, page.body.includes('data-testid="parts"'), page.body.includes('<svg')],
    ).toEqual([200, true, true])
  })

  it('has a stream that ends with the session', async () => {
    const mine = createClient(servers[0]!.url)
    await mine.send('POST', '/api/v1/session', { email: operator.email, password: operator.password })
    const stream = await open(servers[1]!, mine)
    await until(() => stream.views().length > 0)
    await mine.send('DELETE', '/api/v1/session')
    await until(stream.isEnded, 'the stream to end')
    expect(stream.events.at(-1)).toEqual({ name: 'ended', data: { reason: 'session-ended' } })
  })

  it('asks of charts without a Prometheus and is told that there is none', async () => {
    const { status, body } = await at(servers[0]!, operator).send<{ charts: Known<unknown> }>(
      'GET', '/api/v1/operations/charts',
    )
    expect([status, body.charts.state]).toEqual([200, 'not-configured'])
  })
})

describe('with a part away', () => {
  it('Redis: an operator sees the others as last known; what happens is kept for later', async () => {
    const before = await look(servers[0]!)
    expect(before.view.instances.state).toBe('known')
    await redis.kill()
    await until(
      async () => (await look(servers[0]!)).view.instances.state === 'unknown', 'the instance to notice',
    )
    const { view, timeline } = await look(servers[0]!)
    const speaking = view.instances.value!.filter(({ silent }) => !silent)
    expect(speaking.map(({ name }) => name)).toEqual(['app0', 'app1', 'app2'])
    for (const part of [view.instances, view.redis, timeline]) {
      expect(part).toMatchObject(
        { state: 'unknown', since: expect.any(String), at: expect.any(String), reason: expect.any(String) },
      )
      expect(part.value).not.toBeNull()
    }
    expect(view.router.state).toBe('known')
    const page = await at(servers[0]!, operator).send<string>(
      'GET', '/ops', undefined, { headers: { accept: 'text/html' } },
    )
    expect([page.status, page.body.includes('Some information is not available')]).toEqual([200, true])
    await redis.start()
    await until(async () => {
      const { view, timeline } = await look(servers[0]!)
      return view.instances.state === 'known' && timeline.state === 'known' && timeline.value!.some(
        ({ kind, subject }) => kind === 'mode' && subject === 'app1',
      )
    }, 'the mode\'s change to be in the time-line of the Redis that came back')
  })

  it('the database: an operator sees what the pools say; who is none still is none', async () => {
    const before = await look(servers[0]!)
    expect(before.view.router.state).toBe('known')
    await at(servers[0]!, other).send('GET', '/api/v1/session')
    proxy.refuse()
    try {
      await until(
        async () => (await look(servers[0]!)).view?.mode === 'unavailable', 'the instance to notice',
      )
      const { view } = await look(servers[0]!)
      expect(view.router).toMatchObject(
        {
          state: 'unknown',
          since: expect.any(String),
          value: { primary: { reachable: false, error: expect.any(String) } },
        },
      )
      expect([view.instances.state, view.redis.state]).toEqual(['known', 'known'])
      expect((await at(servers[0]!, other).send('GET', '/api/v1/operations')).status).toBe(404)
      const page = await at(servers[0]!, operator).send<string>(
        'GET', '/ops', undefined, { headers: { accept: 'text/html' } },
      )
      expect([page.status, page.body.includes('Some information is not available')]).toEqual([200, true])
      const stream = await open(servers[0]!, operator)
      await until(() => stream.views().length >= 2, 'the stream to go on')
      stream.close()
    }
    finally {
      proxy.accept()
    }
    await until(async () => (await look(servers[0]!)).view.mode === 'normal', 'the database to be back')
    await until(
      async () => (await look(servers[0]!)).timeline.value!.some(
        ({ text }) => text.startsWith('app1 went from unavailable'),
      ),
      'the change to be in the time-line',
    )
  })
})
