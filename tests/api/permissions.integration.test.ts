import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { definedEndpoints, type DefinedEndpoint } from '../../tools/api/endpoints.ts'
import { createClient, signUp, type Answer, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { smallestOf } from '../support/samples.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import type { Member } from '#shared/identity.ts'
import { may, permissions, roles, type Permission, type Role } from '#shared/roles.ts'

/**
 * Every endpoint asked by everybody: nobody, each role, an operator, another organisation. Made of what the
 * endpoints say of themselves: who adds one adds nothing here, unless it is about a new kind of thing
 * (`things`).
 */
let database: TestDatabase
let redis: TestRedis
let server: TestServer
let owner: SignedUp
let operator: Client
let other: SignedUp
const members = {} as Record<Role, Client>
/** What the other organisation has, by the part of the address that names its kind. */
const things: Record<string, string> = {}

const endpoints = (await definedEndpoints())
  .map(endpoint => ({ ...endpoint, name: `${endpoint.method} ${endpoint.path}` }))
const ofMembers = endpoints.filter(({ definition: { permission } }) => permission in permissions)

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()])
  const email = `${randomUUID()}@example.org`
  const env = { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url, NUXT_OPERATORS: email }
  server = await startServer({ env })
  owner = await signUp(server.url)
  for (const role of roles) members[role] = await join(owner, role)
  other = await signUp(server.url, 'Another organisation')
  const make = async (path: string, body: object) => {
    return (await other.send<{ id: string }>('POST', path, body)).body.id
  }
  things.vehicles = await make('/api/v1/vehicles', { name: 'Theirs' })
  things.devices = await make('/api/v1/devices', { name: 'Theirs', identifier: randomUUID() })
  things.invitations = await make('/api/v1/invitations', { email: 'theirs@example.org', role: 'viewer' })
  things.members = (await other.send<{ items: { id: string }[] }>('GET', '/api/v1/members')).body.items[0]!.id
  things.mails = (await other.send<{ items: { id: string }[] }>('GET', '/api/v1/mails')).body.items[0]!.id
  things.jobs = await make('/api/v1/audit-exports', { format: 'csv' })
  // At rest: the program itself changes it until then.
  await until(async () => {
    return (await other.send('GET', `/api/v1/jobs/${things.jobs}`)).body.state === 'done'
  }, 'the export to be done')
  const { body: address } = await other.send<{ path: string }>('PUT', '/api/v1/ingest-address')
  await fetch(`${server.url}${address.path}?id=unknown-there&lat=1&lon=2`)
  await until(async () => {
    const { body } = await other.send<{ items: { id: string }[] }>('GET', '/api/v1/unknown-devices')
    things['unknown-devices'] = body.items[0]?.id ?? ''
    return things['unknown-devices'] !== ''
  }, 'what is unknown to be kept')
  things.organisations = other.session.organisation!.id
  things.sessions = other.session.id
  operator = await signInAsOperator(email)
})
afterAll(async () => {
  await server.stop()
  await redis.stop()
  await database.drop()
})

async function join({ send }: SignedUp, role: Role): Promise<Client> {
  const client = createClient(server.url)
  const email = `${role}-${randomUUID()}@example.org`
  const { body: { path } } = await send<{ path: string }>('POST', '/api/v1/invitations', { email, role })
  const joined = await client.send('POST', '/api/v1/invitation-acceptances', {
    token: path.split('#')[1], name: `Some ${role}`, password: 'a long enough password',
  })
  expect(joined.status).toBe(201)
  return client
}

/** No account can be made with an operator's address: it gets one afterwards. */
async function signInAsOperator(email: string): Promise<Client> {
  const { session, password } = await signUp(server.url)
  await database.asOwner('UPDATE users SET email = $1 WHERE id = $2', [email, session.user.id])
  const client = createClient(server.url)
  expect((await client.send('POST', '/api/v1/session', { email, password })).status).toBe(201)
  return client
}

/**
 * Asks for something that is not there, with a body in which nothing is: nothing comes of it, whoever may.
 */
function ask({ send }: Client, endpoint: DefinedEndpoint): Promise<Answer<{ type?: string }>> {
  const { method, path, definition: { input } } = endpoint
  return send(method, path.replace(/:\w+/, randomUUID()), input.body ? {} : undefined)
}

/** The same with a body that is right, and for one of `ids` where it is given. */
function askRightly(
  { send }: Client, { method, path, definition }: DefinedEndpoint,
  { id = randomUUID(), headers }: { id?: string, headers?: Record<string, string> } = {},
): Promise<Answer<{ type?: string }>> {
  const { body } = definition.input
  return send(method, path.replace(/:\w+/, id), body ? smallestOf(body) : undefined, { headers })
}

describe('signed out', () => {
  it.each(endpoints)('$name', async (endpoint) => {
    const { status, body } = await ask(createClient(server.url), endpoint)
    const isOpen = ['public', 'anyone', 'newcomer'].includes(endpoint.definition.permission)
    if (isOpen) expect([200, 204, 400]).toContain(status)
    else expect([status, body.type]).toEqual([401, 'urn:fleet2:problem:unauthenticated'])
  })
})

describe.each(roles)('a member who is %s', (role) => {
  it.each(ofMembers)(`$name: $definition.permission`, async (endpoint) => {
    const { status, body } = await ask(members[role], endpoint)
    if (may(role, endpoint.definition.permission as Permission)) expect([200, 400, 404]).toContain(status)
    else expect([status, body.type]).toEqual([403, 'urn:fleet2:problem:forbidden'])
  })

  it('an operator\'s address is not there', async () => {
    for (const endpoint of endpoints.filter(({ definition: { permission } }) => permission === 'operator')) {
      const { status, body } = await ask(members[role], endpoint)
      expect([endpoint.name, status, body.type]).toEqual([endpoint.name, 404, 'urn:fleet2:problem:not-found'])
    }
  })
})

it('an operator is answered', async () => {
  const own = endpoints.filter(({ definition: { permission } }) => permission === 'operator')
  expect(own.length).toBeGreaterThan(0)
  for (const endpoint of own) {
    const { status } = await ask(operator, endpoint)
    expect([endpoint.name, status]).toEqual([endpoint.name, 200])
  }
})

it('whoever is signed in is let in where no more is asked for, in an organisation or in none', async () => {
  const outside = await join(owner, 'viewer')
  const { body: { user } } = await outside.send<{ user: { id: string } }>('GET', '/api/v1/session')
  const { body: { items } } = await owner.send<{ items: Member[] }>('GET', '/api/v1/members')
  const { id } = items.find(({ userId }) => userId === user.id)!
  expect((await owner.send('DELETE', `/api/v1/members/${id}`)).status).toBe(204)
  const letIn = (status: number) => [200, 204, 400, 404].includes(status)
  for (const endpoint of endpoints.filter(({ definition: { permission } }) => permission === 'signed-in')) {
    for (const client of [outside, members.viewer]) {
      const { status } = await ask(client, endpoint)
      expect([endpoint.name, status]).toEqual([endpoint.name, expect.toSatisfy(letIn)])
    }
  }
  for (const endpoint of ofMembers) {
    const { status, body } = await ask(outside, endpoint)
    expect([endpoint.name, status, body.type]).toEqual([endpoint.name, 403, 'urn:fleet2:problem:forbidden'])
  }
})

describe('another organisation', () => {
  const ofThings = endpoints.filter(({ path }) => path.includes(':'))
  it.each(ofThings)('$name: what is theirs is not there, and stays', async (endpoint) => {
    const kind = endpoint.path.split('/:')[0]!.split('/').at(-1)!
    expect(things[kind], `one of ${kind}, made above`).toBeDefined()
    const before = await state()
    const { status, body } = await askRightly(owner, endpoint, { id: things[kind] })
    expect([status, body.type]).toEqual([404, 'urn:fleet2:problem:not-found'])
    expect(await state()).toEqual(before)
  })

  const questions = endpoints.filter(({ method, path }) => method === 'GET' && !path.includes(':'))
  it.each(questions)('$name: nothing of theirs is shown', async ({ path, definition: { permission } }) => {
    const { body } = await (permission === 'operator' ? operator : owner).send('GET', path)
    const text = JSON.stringify(body)
    for (const [kind, id] of Object.entries(things))
      expect([kind, text]).toEqual([kind, expect.not.stringContaining(id)])
  })

  it.each(ofMembers)('$name: what was meant for theirs is refused, and changes nothing', async (endpoint) => {
    const before = await state()
    const headers = { 'Fleet2-Organisation': things.organisations! }
    const { status, body } = await askRightly(owner, endpoint, { headers })
    expect([status, body.type]).toEqual([409, 'urn:fleet2:problem:organisation-changed'])
    expect(await state()).toEqual(before)
  })
})

const changes = endpoints
  .filter(({ method, definition: { permission } }) => method !== 'GET' && permission !== 'public')
it.each(changes)('$name: another site\'s page cannot ask for it', async (endpoint) => {
  const before = await state()
  const { status, body } = await askRightly(owner, endpoint, { headers: { 'sec-fetch-site': 'cross-site' } })
  expect([status, body.type]).toEqual([403, 'urn:fleet2:problem:forbidden'])
  expect(await state()).toEqual(before)
})

it('while Redis is away what is sensitive is put off, that and nothing else', async () => {
  await redis.kill()
  const needSession = endpoints
    .filter(({ definition: { permission } }) => permission === 'signed-in' || permission in permissions)
  for (const endpoint of needSession) {
    const { status, body } = await ask(members.owner, endpoint)
    const isPutOff = status === 503 && body.type === 'urn:fleet2:problem:ask-again-later'
    expect([endpoint.name, isPutOff]).toEqual([endpoint.name, endpoint.definition.confirmed])
  }
})

/** Everything of every organisation; but for what is written of whoever asks. */
async function state() {
  const tables = await database.asOwner<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name = 'organisation_id'
        -- Emptied by the program itself, whoever asks for what.
        AND table_name NOT IN ('outbox', 'job_schedules')
      ORDER BY 1`)
  expect(tables.length).toBeGreaterThan(5)
  return Promise.all(tables.map(async ({ name }) => [name, await database.asOwner(
    `SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM ${name} t
      -- The program's own jobs run by the clock.
      WHERE organisation_id IS NOT NULL`)]))
}
