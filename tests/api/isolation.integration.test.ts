import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { endpointFiles } from '../support/endpoints.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let mine: SignedUp
let theirs: SignedUp
/** What belongs to the other organisation. */
const their: Record<string, string> = {}

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  mine = await signUp(server.url, 'Mine')
  theirs = await signUp(server.url, 'Their secret organisation')
  const make = async (path: string, body: object) =>
    (await theirs.send<{ id: string }>('POST', path, body)).body.id
  their.vehicle = await make('/api/v1/vehicles', { name: 'Their secret vehicle' })
  their.device = await make('/api/v1/devices', {
    name: 'Their secret device',
    identifier: `their-secret-${randomUUID().slice(0, 8)}`,
    vehicleId: their.vehicle,
  })
  their.invitation = await make('/api/v1/invitations', { email: 'their-secret@example.org', role: 'viewer' })
  const identifier = `their-secret-${randomUUID().slice(0, 8)}`
  const tracker = { name: 'Their secret tracker', identifier, tokenRequired: false }
  their.tracker = await make('/api/v1/devices', tracker)
  // An event, and a message that is kept as it came.
  await fetch(`${server.url}/api/ingest?id=${identifier}&lat=secret&lon=2&alarm=secret`)
  their.member = (await theirs.send<{ items: { id: string }[] }>('GET', '/api/v1/members')).body.items[0]!.id
  their.mail = (await theirs.send<{ items: { id: string }[] }>('GET', '/api/v1/mails')).body.items[0]!.id
  their.job = await make('/api/v1/audit-exports', { format: 'csv' })
  await until(async () => {
    return (await theirs.send('GET', `/api/v1/jobs/${their.job}`)).body.state === 'done'
  }, 'their export to be done')
  const { body: address } = await theirs.send<{ path: string }>('PUT', '/api/v1/ingest-address')
  await fetch(`${server.url}${address.path}?id=unknown-and-secret&lat=1&lon=2`)
  await until(async () => {
    const { body } = await theirs.send<{ items: { id: string }[] }>('GET', '/api/v1/unknown-devices')
    their['unknown device'] = body.items[0]?.id
    return their['unknown device'] !== undefined
  }, 'what is unknown to be kept')
  their.session = theirs.session.id
  their.organisation = theirs.session.organisation!.id
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

/**
 * For each endpoint, what happens when it is asked for the other organisation's things. A new endpoint
 * without a line here fails the test below.
 */
type Case = { notFound: string, body?: object } | { list: string } | { own: string }
const cases: Record<string, Case> = {
  'GET /api/v1/vehicles/:id': { notFound: 'vehicle' },
  'PATCH /api/v1/vehicles/:id': { notFound: 'vehicle', body: { name: 'Stolen' } },
  'DELETE /api/v1/vehicles/:id': { notFound: 'vehicle' },
  'POST /api/v1/vehicles/:id/restoration': { notFound: 'vehicle' },
  'GET /api/v1/vehicles/:id/positions': { notFound: 'vehicle' },
  'GET /api/v1/devices/:id': { notFound: 'device' },
  'PATCH /api/v1/devices/:id': { notFound: 'device', body: { name: 'Stolen' } },
  'DELETE /api/v1/devices/:id': { notFound: 'device' },
  'POST /api/v1/devices/:id/token': { notFound: 'device' },
  'PATCH /api/v1/members/:id': { notFound: 'member', body: { role: 'viewer' } },
  'DELETE /api/v1/members/:id': { notFound: 'member' },
  'DELETE /api/v1/invitations/:id': { notFound: 'invitation' },
  'PATCH /api/v1/organisations/:id': { notFound: 'organisation', body: { name: 'Stolen' } },
  'PUT /api/v1/session/organisation': { notFound: 'organisation', body: {} },
  'DELETE /api/v1/sessions/:id': { notFound: 'session' },
  'GET /api/v1/jobs/:id': { notFound: 'job' },
  'GET /api/v1/jobs/:id/file': { notFound: 'job' },
  'POST /api/v1/jobs/:id/cancellation': { notFound: 'job' },
  'POST /api/v1/jobs/:id/retry': { notFound: 'job' },
  'GET /api/v1/mails': { list: '/api/v1/mails' },
  'GET /api/v1/mails/:id': { notFound: 'mail' },
  'POST /api/v1/password-resets': { own: 'of whoever reads the mailbox: see tests/mail/mail' },
  'POST /api/v1/password-reset-completions': { own: 'the link is the key: see tests/mail/mail' },
  'GET /api/v1/jobs': { list: '/api/v1/jobs' },
  'POST /api/v1/audit-exports': { own: 'of the session\'s organisation: see tests/jobs/instances' },
  'GET /api/v1/vehicles': { list: '/api/v1/vehicles?search=secret' },
  'GET /api/v1/fleet': { list: '/api/v1/fleet' },
  'GET /api/v1/devices': { list: '/api/v1/devices?search=secret' },
  'GET /api/v1/devices/:id/positions': { notFound: 'device' },
  'GET /api/v1/device-events': { list: '/api/v1/device-events' },
  'GET /api/v1/device-messages': { list: '/api/v1/device-messages' },
  'GET /api/v1/devices/:id/days': { notFound: 'device' },
  'GET /api/v1/devices/:id/recorded-messages': { notFound: 'device' },
  'POST /api/v1/device-replays': { own: 'of a device of the organisation\'s: see tests/devices/device-replays' },
  'GET /api/v1/ingest-address': { own: 'the organisation\'s: see tests/devices/device-identity' },
  'PUT /api/v1/ingest-address': { own: 'the organisation\'s: see tests/devices/device-identity' },
  'GET /api/v1/unknown-devices': { list: '/api/v1/unknown-devices' },
  'POST /api/v1/unknown-devices/:id/device': { notFound: 'unknown device', body: {} },
  'DELETE /api/v1/unknown-devices/:id': { notFound: 'unknown device' },
  'GET /api/v1/members': { list: '/api/v1/members' },
  'GET /api/v1/invitations': { list: '/api/v1/invitations' },
  'GET /api/v1/organisations': { list: '/api/v1/organisations' },
  'GET /api/v1/audit-entries': { list: '/api/v1/audit-entries' },
  'GET /api/v1/sessions': { list: '/api/v1/sessions' },
  'GET /api/v1/account-events': { list: '/api/v1/account-events' },
  'GET /api/v1/session': { list: '/api/v1/session' },
  'GET /api/v1/operations': {
    own: 'an operator\'s: the system, and nothing of any organisation; see operations.integration.test.ts',
  },
  'GET /api/v1/operations/charts': { own: 'an operator\'s: see operations.integration.test.ts' },
  'GET /api/events/operations': { own: 'an operator\'s: see operations.integration.test.ts' },
  'GET /api/events': { own: 'the stream is opened for the session\'s organisation: see live.integration.test.ts' },
  'POST /api/v1/vehicles': { own: 'makes one in the session\'s organisation' },
  'POST /api/v1/devices': { own: 'makes one; another organisation\'s vehicle is refused, see below' },
  'POST /api/v1/invitations': { own: 'makes one in the session\'s organisation' },
  'POST /api/v1/organisations': { own: 'makes one' },
  'POST /api/v1/session': { own: 'signs in' },
  'DELETE /api/v1/session': { own: 'signs out' },
  'DELETE /api/v1/sessions': { own: 'the user\'s own' },
  'POST /api/v1/users': { own: 'signs up' },
  'PATCH /api/v1/users/me': { own: 'the user\'s own' },
  'PUT /api/v1/users/me/password': { own: 'the user\'s own' },
  'POST /api/v1/invitation-lookups': { own: 'the link is the key: see identity.integration.test.ts' },
  'POST /api/v1/invitation-acceptances': { own: 'the link is the key: see identity.integration.test.ts' },
  'GET /api/v1/status': { own: 'public' },
  'GET /api/openapi.json': { own: 'public' },
  'GET /api/health': { own: 'public' },
  'GET /api/health/live': { own: 'public' },
  'GET /api/health/ready': { own: 'public' },
  'GET /api/ingest': { own: 'the device is the key: see ingest.integration.test.ts' },
  'POST /api/ingest': { own: 'the device is the key: see ingest.integration.test.ts' },
  'GET /api/ingest/:secret': { own: 'the device is the key: see tests/devices/device-identity' },
  'POST /api/ingest/:secret': { own: 'the device is the key: see tests/devices/device-identity' },
}

it('every endpoint has an isolation case', () => {
  expect(Object.keys(cases).sort()).toEqual(
    endpointFiles()
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
  )
})

describe('another organisation\'s thing is not there', () => {
  it.each(Object.entries(cases).filter(([, one]) => 'notFound' in one))(
    '%s answers 404 and changes nothing',
    async (endpoint, one) => {
      const { notFound: thing, body } = one as { notFound: string, body?: object }
      const [method = '', path = ''] = endpoint.split(' ')
      const before = await snapshot()
      const sent = path.endsWith('/organisation') ? { organisationId: their.organisation } : body
      const { status, body: answer } = await mine.send(method, path.replace(':id', their[thing]!), sent)
      expect([status, answer.type]).toEqual([404, 'urn:fleet2:problem:not-found'])
      expect(JSON.stringify(answer)).not.toMatch(/secret/i)
      expect(await snapshot()).toEqual(before)
    },
  )

  it.each(Object.entries(cases).filter(([, one]) => 'list' in one))('%s shows none of it', async (_, one) => {
    const { status, body } = await mine.send('GET', (one as { list: string }).list)
    expect(status).toBe(200)
    expect(JSON.stringify(body)).not.toMatch(/secret/i)
    for (const id of Object.values(their)) expect(JSON.stringify(body)).not.toContain(id)
  })

  it('a device cannot be fitted to another organisation\'s vehicle', async () => {
    const made = await mine.send('POST', '/api/v1/devices', {
      name: 'Mine',
      identifier: `mine-${randomUUID().slice(0, 8)}`,
      vehicleId: their.vehicle,
    })
    expect([made.status, made.body.errors]).toEqual([
      400,
      [{ path: 'vehicleId', message: 'must be one of your vehicles' }],
    ])
  })

  it('an identifier is no proof: theirs can be had with a token of one\'s own, and what is sent with their '
    + 'token stays theirs', async () => {
    const { identifier } = (await theirs.send<{ identifier: string }>('GET', `/api/v1/devices/${their.tracker}`))
      .body
    const made = await mine.send('POST', '/api/v1/devices', { name: 'Mine', identifier })
    expect([made.status, made.body.identifier]).toEqual([201, identifier])
    // Their tracker needs show nothing: nobody else's may be found by its name without a proof.
    const open = { name: 'Mine, too', identifier, tokenRequired: false }
    const refused = await signUp(server.url).then(other => other.send('POST', '/api/v1/devices', open))
    expect(refused.status).toBe(409)
    expect(JSON.stringify(refused.body)).not.toContain('Their')
  })
})

describe('without a session', () => {
  const open = new Set([
    '/api/health',
    '/api/health/live',
    '/api/health/ready',
    '/api/v1/status',
    '/api/openapi.json',
    '/api/ingest',
    '/api/ingest/:secret',
    '/api/v1/users',
    '/api/v1/invitation-lookups',
    '/api/v1/invitation-acceptances',
    '/api/v1/password-resets',
    '/api/v1/password-reset-completions',
  ])
  it.each(
    endpointFiles().filter(
      ({ method, path }) => !open.has(path) && !(path === '/api/v1/session' && method !== 'GET'),
    ),
  )('$method $path answers 401', async ({ method, path }) => {
    const nobody: Client = createClient(server.url)
    const { status, body } = await nobody.send(
      method,
      path.replace(':id', randomUUID()),
      method === 'GET' || method === 'DELETE' ? undefined : {},
    )
    expect([status, body.type]).toEqual([401, 'urn:fleet2:problem:unauthenticated'])
  })
})

/** Everything of the other organisation, as the superuser sees it; but for what time alone changes. */
async function snapshot() {
  const tables = ['vehicles', 'devices', 'memberships', 'invitations', 'audit_entries', 'device_fittings']
  return Promise.all(
    tables.map(table =>
      database.asOwner(`SELECT * FROM ${table} WHERE organisation_id = $1 ORDER BY id`, [their.organisation]),
    ),
  )
}
