import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp, type SignedUp } from '../support/client.ts'
import { endpointFiles } from '../support/endpoints.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let database: TestDatabase
let server: TestServer
let client: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  client = await signUp(server.url)
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

/** Endpoints that take a body, and those that take none or end the session they are asked with. */
const withBody = endpointFiles().filter(
  ({ method, path }) => ['POST', 'PUT', 'PATCH'].includes(method)
    && !/restoration|token$|ingest|cancellation|retry$/.test(path),
)
const all = endpointFiles().filter(
  ({ method, path }) =>
    path !== '/api/events' && !(method === 'DELETE' && path.startsWith('/api/v1/session')),
)

const long = 'x'.repeat(10_000)
const bodies: [string, unknown][] = [
  ['nothing in it', {}],
  ['a list', []],
  ['null', null],
  ['a number', 1],
  [
    'wrong types',
    { name: 1, email: {}, password: [], identifier: true, role: 5, organisationId: 'x', token: null },
  ],
  [
    'texts that are too long',
    {
      name: long,
      email: `${long}@example.org`,
      password: long,
      identifier: long,
      organisationName: long,
      notes: long.repeat(3),
    },
  ],
  ['SQL', { name: '\'; DROP TABLE vehicles; --', identifier: '\' OR 1=1 --', email: '\'@x', role: 'owner\' --' }],
  ['HTML', { name: '<script>alert(1)</script>', identifier: '<b>', email: '<i>@x', unknown: '<img src=x>' }],
  ['control characters', { name: 'a\0b', identifier: 'a\nb', email: 'a\0@example.org' }],
  ['half a surrogate pair', { name: '\uD800', identifier: 'abc' }],
  [
    'prototype keys',
    JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"name":"x"}'),
  ],
  ['fields that are not known', { name: 'x', isAdmin: true }],
  ['huge numbers', { name: 'x', year: 1e308, version: 1e308 }],
]

async function counts() {
  return database.asOwner(`SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM organisations) AS organisations, (SELECT count(*) FROM memberships) AS memberships,
    (SELECT count(*) FROM devices) AS devices, (SELECT count(*) FROM invitations) AS invitations`)
}

describe.each(withBody)('$method $path', ({ method, path }) => {
  const address = path.replace(':id', randomUUID())
  it.each(bodies)('%s: a problem, never a 500', async (_, body) => {
    const { status, body: answer, headers } = await client.send(method, address, body)
    // What is right for one endpoint may stand in a body made for all of them.
    if (status < 300) return
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(answer).toMatchObject({
      type: expect.stringMatching(/^urn:fleet2:problem:/),
      title: expect.any(String),
      status,
      detail: expect.any(String),
      instance: headers.get('x-request-id'),
    })
    if (status === 400) expect((answer.errors as unknown[]).length).toBeGreaterThan(0)
    expect(JSON.stringify(answer)).not.toMatch(
      /select |insert |node_modules|at .*\.ts|127\.0\.0\.1|postgres/i,
    )
  })

  it('refuses what is no JSON, another content type, and a body that is too large, and changes nothing', async () => {
    const before = await counts()
    expect((await client.send(method, address, '{"name":', { raw: true })).status).toBe(400)
    const latin1 = Buffer.from('{"name":"Müller"}', 'latin1') as unknown as string
    expect(await client.send(method, address, latin1, { raw: true })).toMatchObject({
      status: 400, body: { errors: [{ message: 'the body must be UTF-8' }] },
    })
    expect(
      (
        await client.send(method, address, 'name=x', {
          raw: true,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
      ).status,
    ).toBe(415)
    expect(
      (await client.send(method, address, '<x/>', { raw: true, headers: { 'content-type': 'text/xml' } }))
        .status,
    ).toBe(415)
    expect((await client.send(method, address, { name: 'x'.repeat(1_100_000) })).status).toBe(413)
    expect(await counts()).toEqual(before)
  })
})

describe('addresses and queries', () => {
  it.each(['not-a-uuid', '1', '%00', '..%2F..', '\' OR 1=1', 'a'.repeat(3000)])(
    'an id that is none names nothing: %s',
    async (id) => {
      for (const { method, path } of all.filter(({ path }) => path.includes(':id'))) {
        const { status } = await client.send(
          method,
          path.replace(':id', encodeURI(id)),
          ['POST', 'PUT', 'PATCH'].includes(method) ? { name: 'x', role: 'viewer' } : undefined,
        )
        expect([method, path, status]).toEqual([method, path, 404])
      }
    },
  )
  it.each([
    ['/api/v1/vehicles?limit=0', 'limit'],
    ['/api/v1/vehicles?limit=201', 'limit'],
    ['/api/v1/vehicles?limit=ten', 'limit'],
    ['/api/v1/vehicles?cursor=x', 'cursor'],
    ['/api/v1/vehicles?state=all', 'state'],
    ['/api/v1/devices?cursor=WyJhIiwiYiJd', 'cursor'],
    ['/api/v1/members?limit=-1', 'limit'],
    ['/api/v1/audit-entries?from=yesterday', 'from'],
    ['/api/v1/audit-entries?actorId=me', 'actorId'],
    ['/api/v1/audit-entries?action=%27', 'action'],
    ['/api/v1/vehicles?search=a&search=b', 'search'],
    [`/api/v1/vehicles?search=${'x'.repeat(81)}`, 'search'],
    ['/api/v1/audit-entries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
  ])('%s names the parameter %s', async (address, field) => {
    const { status, body } = await client.send<{ errors: { path: string }[] }>('GET', address)
    expect([status, body.errors.map(({ path }) => path)]).toEqual([400, [field]])
  })
  it('a track that is asked for too long, or backwards, is refused', async () => {
    const { body: { id } } = await client.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Track' })
    for (const query of [
      'from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z',
      'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      'from=x',
      'limit=9999',
      'cursor=zzz',
    ]) {
      expect((await client.send('GET', `/api/v1/vehicles/${id}/positions?${query}`)).status).toBe(400)
    }
  })
  it('wildcards in a search are letters', async () => {
    expect(
      (await client.send<{ items: unknown[] }>('GET', '/api/v1/vehicles?search=%25')).body.items,
    ).toEqual([])
  })
  it('an Idempotency-Key that is none is refused by its name', async () => {
    const { status, body } = await client.send<{ errors: unknown[] }>(
      'POST',
      '/api/v1/vehicles',
      { name: 'x' },
      { headers: { 'idempotency-key': 'x'.repeat(256) } },
    )
    expect([status, body.errors]).toEqual([400, [expect.objectContaining({ path: 'Idempotency-Key' })]])
  })
  it('an unknown address is a problem for a program and a page for a browser', async () => {
    const program = await client.send('GET', '/api/v1/nothing')
    expect([program.status, program.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
    const browser = await client.send<string>('GET', '/nothing', undefined, {
      headers: { accept: 'text/html' },
    })
    expect(browser.status).toBe(404)
    expect(browser.body).toContain('Page not found')
    expect(browser.body).toContain(browser.headers.get('x-request-id')!)
  })
  it('a change from another site\'s page is refused, one from our own is not', async () => {
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]
    for (const headers of foreign) {
      expect((await client.send('POST', '/api/v1/vehicles', { name: 'x' }, { headers })).status).toBe(403)
    }
    expect(
      (await client.send('POST', '/api/v1/vehicles', { name: 'x' }, { headers: { origin: server.url } }))
        .status,
    ).toBe(201)
    expect(
      (
        await client.send(
          'POST',
          '/api/v1/vehicles',
          { name: 'x' },
          { headers: { 'sec-fetch-site': 'same-origin' } },
        )
      ).status,
    ).toBe(201)
  })
})
