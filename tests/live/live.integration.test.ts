import { randomUUID } from 'node:crypto'
import { get, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let redis: TestRedis
let servers: TestServer[]
let owner: SignedUp
beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()])
  servers = await Promise.all(
    ['app1', 'app2'].map(instance =>
      startServer({
        env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url, INSTANCE_ID: instance },
      }),
    ),
  )
  owner = await signUp(servers[0]!.url)
})
afterAll(async () => {
  await Promise.all(servers.map(server => server.stop()))
  await redis.stop()
  await database.drop()
})

interface Event { id: string, name: string, data: Record<string, unknown> }

/** An open stream, and the events that came. */
async function open(server: TestServer, client: Client, lastEventId?: string) {
  const events: Event[] = []
  let ended = false
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(
      `${server.url}/api/events`,
      { headers: { cookie: client.cookie(), ...(lastEventId ? { 'last-event-id': lastEventId } : {}) } },
      resolve,
    ).on('error', reject)
  })
  let buffer = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    buffer += text
    for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
      const fields = Object.fromEntries(
        buffer
          .slice(0, end)
          .split('\n')
          .map(line => line.split(/: (.*)/s).slice(0, 2)),
      )
      if (fields.event)
        events.push({ id: fields.id ?? '', name: fields.event, data: JSON.parse(fields.data!) })
    }
  }).on('close', () => {
    ended = true
  }).on('error', () => {})
  return {
    response,
    events,
    named: (name: string) => events.filter(event => event.name === name),
    isEnded: () => ended,
    close: () => response.destroy(),
  }
}

async function fitted() {
  const { body: vehicle } = await owner.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Live' })
  const identifier = `live-${randomUUID().slice(0, 8)}`
  const tracker = { name: 'Tracker', identifier, vehicleId: vehicle.id, tokenRequired: false }
  await owner.send('POST', '/api/v1/devices', tracker)
  return { vehicle, identifier }
}
/** Some metres further with each n: what leaps is not believed. */
const send = (server: TestServer, identifier: string, n: number) =>
  fetch(`${server.url}/api/ingest?id=${identifier}&timestamp=${Date.now() + n}&lat=${n / 10_000}&lon=1`)

describe('the live stream', () => {
  it('brings a position that came to another instance', async () => {
    const { vehicle, identifier } = await fitted()
    const stream = await open(servers[1]!, owner)
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    })
    await until(() => stream.named('status').length === 1)
    expect(stream.events[0]).toMatchObject({ name: 'status', id: '', data: { instance: 'app2', live: true } })
    await send(servers[0]!, identifier, 1)
    await until(() => stream.named('positions').length === 1)
    expect(stream.named('positions')[0]!.data).toMatchObject({
      positions: [{ vehicleId: vehicle.id, latitude: 0.0001 }],
    })
    stream.close()
  })
  it('is resumed on another instance after the last event, with no gap and nothing twice', async () => {
    const { identifier } = await fitted()
    const first = await open(servers[0]!, owner)
    await send(servers[0]!, identifier, 1)
    await until(() => first.named('positions').length === 1)
    const last = first.named('positions')[0]!.id
    first.close()
    for (let n = 2; n <= 6; n++) await send(servers[n % 2]!, identifier, n)
    const second = await open(servers[1]!, owner, last)
    await send(servers[0]!, identifier, 7)
    const latitudes = () =>
      second
        .named('positions')
        .flatMap(({ data }) => data.positions as { latitude: number }[])
        .map(({ latitude }) => Math.round(latitude * 10_000))
    await until(() => latitudes().includes(7))
    expect(latitudes()).toEqual([2, 3, 4, 5, 6, 7])
    expect(second.named('resync')).toEqual([])
    second.close()
  })
  it.each(['not-an-id', '1-1', '9999999999999-0'])('that cannot be resumed from %s says so', async (id) => {
    const stream = await open(servers[0]!, owner, id)
    await until(() => stream.named('resync').length === 1)
    stream.close()
  })
  it('brings nothing of another organisation', async () => {
    const stranger = await signUp(servers[0]!.url)
    const stream = await open(servers[0]!, stranger)
    const { identifier } = await fitted()
    await send(servers[0]!, identifier, 1)
    await stranger.send('POST', '/api/v1/vehicles', { name: 'Own' })
    await until(() => stream.named('changed').length === 1)
    expect(stream.named('positions')).toEqual([])
    stream.close()
  })
  it('tells of changes after they are committed', async () => {
    const stream = await open(servers[1]!, owner)
    await until(() => stream.events.length > 0)
    const { body: { id } } = await owner.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Told' })
    await owner.send('DELETE', `/api/v1/vehicles/${id}`)
    await until(() => stream.named('changed').length === 2)
    expect(stream.named('changed').map(({ data }) => data)).toMatchObject([
      { type: 'vehicle', id, change: 'created' },
      { type: 'vehicle', id, change: 'removed' },
    ])
    stream.close()
  })
  it('is asked to move when its instance ends, and the instance ends', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url, INSTANCE_ID: 'app3' },
    })
    const stream = await open(server, owner)
    await until(() => stream.events.length > 0)
    expect(await server.stop()).toBe(0)
    await until(stream.isEnded)
    expect(stream.events.at(-1)).toMatchObject({ name: 'moved' })
  })
})

/** Not the recheck of every half minute: what ends within this has been told. */
const toldWithinMs = 15_000

describe('a live stream ends, on whichever instance it is, as soon as its reason does:', () => {
  const [here, there] = [() => servers[0]!, () => servers[1]!]
  async function endsWith(reason: string, ...streams: Awaited<ReturnType<typeof open>>[]) {
    await until(
      () => streams.every(stream => stream.isEnded()),
      `the streams to end (${reason})`,
      toldWithinMs,
    )
    for (const stream of streams)
      expect(stream.named('ended').map(({ data }) => data.reason)).toEqual([reason])
  }
  async function bothOf(client: Client) {
    const streams = await Promise.all([here(), there()].map(server => open(server, client)))
    await until(() => streams.every(stream => stream.named('status').length === 1))
    return streams
  }
  /** The same account in another browser. */
  async function again(person: SignedUp) {
    const client = createClient(here().url)
    expect(
      (await client.send('POST', '/api/v1/session', { email: person.email, password: person.password }))
        .status,
    ).toBe(201)
    return client
  }

  it('the session signs out', async () => {
    const person = await signUp(here().url)
    const streams = await bothOf(person)
    await person.send('DELETE', '/api/v1/session')
    await endsWith('session-ended', ...streams)
  })
  it('the session is ended from another one, which keeps its own', async () => {
    const person = await signUp(here().url)
    const other = await again(person)
    const [ended, kept] = [await bothOf(person), await bothOf(other)]
    expect((await other.send('DELETE', '/api/v1/sessions')).status).toBe(204)
    await endsWith('session-ended', ...ended)
    expect(kept.map(stream => stream.isEnded())).toEqual([false, false])
    for (const stream of kept) stream.close()
  })
  it('the password is changed', async () => {
    const person = await signUp(here().url)
    const streams = await bothOf(person)
    expect(
      (
        await person.send('PUT', '/api/v1/users/me/password', {
          currentPassword: person.password,
          newPassword: 'quite another password',
        })
      ).status,
    ).toBe(204)
    await endsWith('session-ended', ...streams)
  })
  it('the session works in another organisation', async () => {
    const person = await signUp(here().url)
    const streams = await bothOf(person)
    const {
      body: { id },
    } = await person.send<{ id: string }>('POST', '/api/v1/organisations', {
      name: 'Another',
      timeZone: 'Europe/Berlin',
    })
    expect((await person.send('PUT', '/api/v1/session/organisation', { organisationId: id })).status).toBe(
      200,
    )
    await endsWith('organisation-switched', ...streams)
  })
  it('the member is removed; that of others goes on', async () => {
    const {
      body: { path },
    } = await owner.send<{ path: string }>('POST', '/api/v1/invitations', {
      email: `${randomUUID()}@example.org`,
      role: 'viewer',
    })
    const member = createClient(here().url)
    const joined = await member.send('POST', '/api/v1/invitation-acceptances', {
      token: path.split('#')[1],
      name: 'Viewer',
      password: 'a long enough password',
    })
    expect(joined.status).toBe(201)
    const [theirs, others] = [await bothOf(member), await bothOf(owner)]
    const {
      body: { items },
    } = await owner.send<{ items: { id: string, name: string }[] }>('GET', '/api/v1/members')
    const viewer = items.find(({ name }) => name === 'Viewer')!
    // Another role that may see as much ends nothing.
    expect((await owner.send('PATCH', `/api/v1/members/${viewer.id}`, { role: 'driver' })).status).toBe(200)
    // Those are told who may see members.
    await until(() => others.every(stream => stream.named('changed').length > 0), 'the change of the role')
    expect(theirs.map(stream => stream.isEnded())).toEqual([false, false])
    expect((await owner.send('DELETE', `/api/v1/members/${viewer.id}`)).status).toBe(204)
    await endsWith('member-removed', ...theirs)
    expect(others.map(stream => stream.isEnded())).toEqual([false, false])
    for (const stream of others) stream.close()
  })
  it('and a session holds twenty on an instance: one more is refused in words, and no other session suffers', async () => {
    const [greedy, other] = [await signUp(here().url), await signUp(here().url)]
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(here(), greedy)))
    expect(streams.map(({ response }) => response.statusCode)).toEqual(Array.from({ length: 20 }, () => 200))
    const refused = await fetch(`${here().url}/api/events`, { headers: { cookie: greedy.cookie() } })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await refused.json()).toMatchObject({
      detail: expect.stringContaining('20 live streams') as string,
    })
    const others = await open(here(), other)
    expect(others.response.statusCode).toBe(200)
    streams[0]!.close()
    await until(async () => {
      const next = await open(here(), greedy)
      streams.push(next)
      return next.response.statusCode === 200
    }, 'the place of the one that has gone')
    for (const stream of [...streams, others]) stream.close()
  })
})

describe('without Redis', () => {
  it('health says degraded and stays in the balancer, and all is well again afterwards', async () => {
    const own = await startRedis()
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: own.url },
    })
    const health = async () => {
      const response = await fetch(`${server.url}/api/health`)
      return {
        code: response.status,
        ...((await response.json()) as { status: string, mode: string, reason?: string }),
      }
    }
    await own.kill()
    await until(async () => (await health()).mode === 'degraded')
    expect(await health()).toMatchObject({ code: 200, status: 'degraded', reason: 'Redis is not responding' })
    expect((await fetch(`${server.url}/api/health?strict=1`)).status).toBe(503)
    // From outside nobody may ask so, however it is spelled: Nginx looks for one spelling.
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    for (const query of ['strict=1', '%73trict=1'])
      expect((await fetch(`${server.url}/api/health?${query}`, { headers })).status).toBe(200)
    await own.start()
    await until(async () => (await health()).mode === 'normal')
    await server.stop()
    await own.stop()
  })
})
