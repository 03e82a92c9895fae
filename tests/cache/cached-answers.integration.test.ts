import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let redis: TestRedis
let wire: TcpProxy
let servers: [TestServer, TestServer]
let owner: SignedUp
/** Whatever has been started is ended, also when the next step fails. */
const ending: (() => unknown)[] = []
beforeAll(async () => {
  database = await createTestDatabase()
  ending.push(() => database.drop())
  redis = await startRedis()
  ending.push(() => redis.stop())
  wire = await createTcpProxy(database.servingUrl)
  ending.push(() => wire.close())
  const start = async (instance: string) => {
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: wire.url,
        NUXT_REDIS_URL: redis.url,
        INSTANCE_ID: instance,
        NUXT_REQUEST_TIMEOUT: '5',
      },
    })
    ending.push(() => server.stop())
    return server
  }
  servers = [await start('app1'), await start('app2')]
  owner = await signUp(servers[0].url)
})
afterAll(async () => {
  for (const end of ending.reverse()) await end()
})

/** The same person at another instance. */
const at = (server: TestServer, client: Client) => ({
  send: <T>(method: string, path: string, body?: unknown) =>
    createClient(server.url).send<T>(method, path, body, { headers: { cookie: client.cookie() } }),
})
async function invite(role: string) {
  const { body } = await owner.send<{ path: string }>('POST', '/api/v1/invitations', {
    email: `${crypto.randomUUID()}@example.org`,
    role,
  })
  const client = createClient(servers[0].url)
  await client.send('POST', '/api/v1/invitation-acceptances', {
    token: body.path.split('#')[1],
    name: 'Somebody',
    password: 'a long enough password',
  })
  const {
    body: { items },
  } = await owner.send<{ items: { id: string, userId: string }[] }>('GET', '/api/v1/members')
  const { body: session } = await client.send<{ user: { id: string } }>('GET', '/api/v1/session')
  return { client, membershipId: items.find(({ userId }) => userId === session.user.id)!.id }
}

describe('a membership', () => {
  it('that is taken away ends with the next request on every instance', async () => {
    const { client, membershipId } = await invite('dispatcher')
    for (const server of servers)
      expect((await at(server, client).send('GET', '/api/v1/vehicles')).status).toBe(200)
    expect((await owner.send('DELETE', `/api/v1/members/${membershipId}`)).status).toBe(204)
    for (const server of servers)
      expect((await at(server, client).send('GET', '/api/v1/vehicles')).status).toBe(403)
  })
  it('that is changed gives its new role from the next request on, on every instance', async () => {
    const { client, membershipId } = await invite('viewer')
    for (const server of servers)
      expect((await at(server, client).send('POST', '/api/v1/vehicles', { name: 'Not yet' })).status).toBe(
        403,
      )
    await owner.send('PATCH', `/api/v1/members/${membershipId}`, { role: 'manager' })
    for (const server of servers)
      expect((await at(server, client).send('POST', '/api/v1/vehicles', { name: 'Now' })).status).toBe(201)
  })
})

it('an organisation that was renamed has its new name at once for who renamed it, on every instance', async () => {
  const { id } = owner.session.organisation!
  for (const server of servers) await at(server, owner).send('GET', '/api/v1/session')
  for (const name of ['First name', 'Second name']) {
    expect((await owner.send('PATCH', `/api/v1/organisations/${id}`, { name })).status).toBe(200)
    expect(
      (await owner.send<{ organisation: { name: string } }>('GET', '/api/v1/session')).body.organisation.name,
    ).toBe(name)
    expect(
      (await at(servers[1], owner).send<{ organisation: { name: string } }>('GET', '/api/v1/session')).body
        .organisation.name,
    ).toBe(name)
  }
})

describe('with every database server away', () => {
  it('lists and vehicles are answered as they last were, and say how old that is; the rest and every change is 503', async () => {
    const { body: vehicle } = await owner.send<{ id: string }>('POST', '/api/v1/vehicles', {
      name: 'Remembered',
    })
    const paths = ['/api/v1/vehicles', `/api/v1/vehicles/${vehicle.id}`, '/api/v1/devices', '/api/v1/session']
    await Promise.all(paths.map(path => owner.send('GET', path)))
    // They are put aside in the background.
    await new Promise(resolve => setTimeout(resolve, 500))
    wire.refuse()
    try {
      for (const server of servers) {
        for (const path of paths) {
          const { status, headers } = await at(server, owner).send('GET', path)
          expect([path, status]).toEqual([path, 200])
          expect(Number(headers.get('fleet2-stale'))).toBeGreaterThanOrEqual(0)
          expect(headers.get('fleet2-stale')).not.toBeNull()
        }
      }
      expect((await owner.send('GET', '/api/v1/members')).status).toBe(503)
      expect((await owner.send('POST', '/api/v1/vehicles', { name: 'Not now' })).status).toBe(503)
    }
    finally {
      wire.accept()
    }
    await until(
      async () => (await owner.send('GET', '/api/v1/vehicles')).headers.get('fleet2-stale') === null,
    )
  })
})
