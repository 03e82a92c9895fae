import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sealedTokens } from '#server/database/consistency.ts'
import { createClient, signUp, type SignedUp } from '../support/client.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const password = 'a-password-for-tests-of-at-least-32-characters'
const codec = sealedTokens([password])

describe('the edge, with a primary and late replicas behind it', () => {
  let cluster: Cluster
  let server: TestServer
  let person: SignedUp

  beforeAll(async () => {
    cluster = await startCluster()
    server = await startServer({
      env: {
        NUXT_DATABASE_URL: cluster.writeUrl,
        NUXT_DATABASE_READ_URL: cluster.readUrl,
        SESSION_PASSWORD: password,
      },
    })
    person = await signUp(server.url)
  })
  afterAll(async () => {
    await server.stop()
    await cluster.stop()
  })

  const vehicle = () => ({ name: `Van ${randomUUID().slice(0, 8)}`, kind: 'van' })
  const names = async (client: { send: SignedUp['send'] }, headers: Record<string, string> = {}) =>
    (
      await client.send<{ items: { name: string }[] }>('GET', '/api/v1/vehicles', undefined, { headers })
    ).body.items.map(({ name }) => name)

  it('a browser finds what it has just made, with every replica late: the token is in its cookies, signed, and no script reads it', async () => {
    await cluster.caughtUp()
    await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
    try {
      const body = vehicle()
      const made = await person.send('POST', '/api/v1/vehicles', body)
      expect(made.status).toBe(201)
      const cookie = made.headers.getSetCookie().find(text => text.startsWith('__Host-fleet2-written='))!
      expect(cookie).toMatch(/HttpOnly/i)
      expect(cookie).toMatch(/Secure/i)
      expect(cookie).toMatch(/SameSite=Lax/i)
      expect(codec.decode(made.headers.get('fleet2-consistency')!)).toMatchObject({ timeline: 1 })
      for (let n = 0; n < 4; n++) expect(await names(person)).toContain(body.name)
    }
    finally {
      await Promise.all(cluster.replicas().map(node => node.resumeReplay()))
    }
  })

  it('a cookie that is left of another cluster, from before a restore, takes nothing away from what was seen of this one', async () => {
    await cluster.caughtUp()
    await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
    try {
      const body = vehicle()
      const made = await person.send('POST', '/api/v1/vehicles', body)
      const session = person
        .cookie()
        .split('; ')
        .find(part => part.includes('fleet2-session'))!
      const mine = codec.decode(made.headers.get('fleet2-consistency')!)!
      const left = codec.encode({ ...mine, cluster: '1', timeline: 99 })
      const cookie = `${session}; __Host-fleet2-written=${left}; __Host-fleet2-seen=${codec.encode(mine)}`
      for (let n = 0; n < 4; n++) {
        const {
          body: { items },
        } = await createClient(server.url).send<{ items: { name: string }[] }>(
          'GET',
          '/api/v1/vehicles',
          undefined,
          { headers: { cookie } },
        )
        expect(items.map(({ name }) => name)).toContain(body.name)
      }
    }
    finally {
      await Promise.all(cluster.replicas().map(node => node.resumeReplay()))
    }
  })

  it('an API client without cookies carries it in the header, both ways; one that was made up is left out and counted, and is never an error', async () => {
    const session = person
      .cookie()
      .split('; ')
      .find(part => part.includes('fleet2-session'))!
    await cluster.caughtUp()
    await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
    try {
      const body = vehicle()
      const api = (method: string, path: string, sent?: unknown, headers: Record<string, string> = {}) =>
        createClient(server.url).send<{ items: { name: string }[] }>(method, path, sent, {
          headers: { cookie: session, ...headers },
        })
      const made = await api('POST', '/api/v1/vehicles', body)
      const token = made.headers.get('fleet2-consistency')!
      const read = await api('GET', '/api/v1/vehicles', undefined, { 'fleet2-consistency': token })
      expect(read.body.items.map(({ name }) => name)).toContain(body.name)
      for (const forged of [token.replace(/\.\d+\./, '.99.'), 'nonsense', `${token}x`, '0'.repeat(4_000)]) {
        expect(
          (await api('GET', '/api/v1/vehicles', undefined, { 'fleet2-consistency': forged })).status,
        ).toBe(200)
      }
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      expect(
        Number(/fleet2_database_consistency_tokens_total\{outcome="refused"\} (\d+)/.exec(metrics)?.[1]),
      ).toBeGreaterThanOrEqual(4)
      expect(
        Number(/fleet2_database_read_fallbacks_total\{reason="token"\} (\d+)/.exec(metrics)?.[1]),
      ).toBeGreaterThan(0)
    }
    finally {
      await Promise.all(cluster.replicas().map(node => node.resumeReplay()))
    }
  })

  it('an Idempotency-Key is its caller\'s: the same request is answered again, another body is 422, another caller\'s key is another key, a bad one is 400', async () => {
    const key = randomUUID()
    const body = vehicle()
    const send = (client: { send: SignedUp['send'] }, sent: unknown, headers: Record<string, string> = {}) =>
      client.send<{ id: string }>('POST', '/api/v1/vehicles', sent, {
        headers: { 'idempotency-key': key, ...headers },
      })
    const first = await send(person, body)
    const again = await send(person, body)
    expect([
      first.status,
      again.status,
      first.headers.get('idempotency-replayed'),
      again.headers.get('idempotency-replayed'),
    ]).toEqual([201, 201, null, 'true'])
    expect(again.body.id).toBe(first.body.id)
    expect((await send(person, vehicle())).status).toBe(422)
    const other = await send(await signUp(server.url), body)
    expect([other.status, other.headers.get('idempotency-replayed')]).toEqual([201, null])
    for (const bad of ['', 'with space', 'x'.repeat(256)])
      expect((await send(person, body, { 'idempotency-key': bad })).status).toBe(400)
    expect((await send(person, { ...body, notes: 'x'.repeat(1_100_000) })).status).toBe(413)
  })

  it('a request whose first attempt is still at work waits for its answer, and is not made twice', async () => {
    const key = randomUUID()
    const body = vehicle()
    const send = () =>
      person.send<{ id: string }>('POST', '/api/v1/vehicles', body, { headers: { 'idempotency-key': key } })
    await Promise.all(cluster.replicas().map(async node => node.freeze()))
    const first = send()
    await until(
      async () =>
        (await cluster.primary().query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`))
          .length > 0,
      'a commit to wait for its standby',
    )
    const second = send()
    cluster.replicas().forEach(node => node.thaw())
    // The commit that waits may have been one of the instance's own jobs: then the second may come first. One
    // of them makes it, the other is given the answer.
    const [made, replayed] = (await Promise.all([first, second])).sort(
      (a, b) => Number(a.headers.has('idempotency-replayed')) - Number(b.headers.has('idempotency-replayed')),
    )
    expect([made!.status, made!.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect([replayed!.status, replayed!.headers.get('idempotency-replayed'), replayed!.body.id]).toEqual([
      201,
      'true',
      made!.body.id,
    ])
  })

  /** From the private network: a client that says for whom it asks is told less. */
  const health = async () =>
    (await (await fetch(`${server.url}/api/health`)).json()) as {
      mode: string
      checks: { database: { primary: { timeline?: number } } }
    }

  it('with no primary a page is shown with its age, a change waits for the next primary, and health says what is', async () => {
    await cluster.caughtUp()
    const { body } = await person.send<{ items: unknown[] }>('GET', '/api/v1/vehicles')
    await cluster.primary().kill()
    await until(async () => (await health()).mode === 'read-only', 'the mode to be read-only')
    const read = await person.send<{ items: unknown[] }>('GET', '/api/v1/vehicles')
    expect([read.status, read.body.items.length, read.headers.has('fleet2-stale')]).toEqual([
      200,
      body.items.length,
      true,
    ])
    const writing = person.send('POST', '/api/v1/vehicles', vehicle())
    await cluster.failover({ old: 'kill' })
    expect((await writing).status).toBe(201)
    await until(
      async () => (await health()).checks.database.primary.timeline === 2,
      'health to show the new timeline',
    )
  })
})
