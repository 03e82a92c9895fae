import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { definedEndpoints } from '../../tools/api/endpoints.ts'
import { permissions } from '#shared/roles.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { endpointFiles } from '../support/endpoints.ts'
import { smallestOf } from '../support/samples.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { rowsOfOrganisation } from '../support/tables.ts'
import { makeThings } from '../support/things.ts'

let database: TestDatabase
let server: TestServer
let mine: SignedUp
let theirs: SignedUp
/** What belongs to the other organisation. */
let their: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  mine = await signUp(server.url, 'Mine')
  theirs = await signUp(server.url, 'Their secret organisation')
  their = await makeThings(theirs, 'Their secret thing')
  const identifier = `their-secret-${randomUUID().slice(0, 8)}`
  const tracker = { name: 'Their secret tracker', identifier, vehicleId: their.vehicles, tokenRequired: false }
  their.tracker = (await theirs.send<{ id: string }>('POST', '/api/v1/devices', tracker)).body.id
  // An event, and a message that is kept as it came.
  await fetch(`${server.url}/api/ingest?id=${identifier}&lat=secret&lon=2&alarm=secret`)
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

/**
 * What happens when an endpoint is asked for the other organisation's things. It follows from the address
 * where it is one of a member's: that of one thing answers that it is not there, a list shows none, and what
 * is added is added to the session's organisation. All others stand here, and whatever differs.
 */
type Case = { notFound: string, body?: object } | { list: string } | { own: string }
const special: Record<string, Case> = {
  'PUT /api/v1/session/organisation': { notFound: 'organisations', body: {} },
  'GET /api/v1/vehicles': { list: '/api/v1/vehicles?search=secret' },
  'GET /api/v1/devices': { list: '/api/v1/devices?search=secret' },
  'GET /api/v1/operations': {
    own: 'an operator\'s: the system, and nothing of any organisation; see operations.integration.test.ts',
  },
  'GET /api/v1/organisations': { list: '/api/v1/organisations' },
  'GET /api/v1/sessions': { list: '/api/v1/sessions' },
  'GET /api/v1/account-events': { list: '/api/v1/account-events' },
  'GET /api/v1/session': { list: '/api/v1/session' },
  'DELETE /api/v1/sessions/:id': { notFound: 'sessions' },
  'POST /api/v1/password-resets': { own: 'of whoever reads the mailbox: see tests/mail/mail' },
  'POST /api/v1/password-reset-completions': { own: 'the link is the key: see tests/mail/mail' },
  'GET /api/v1/operations/charts': { own: 'an operator\'s: see operations.integration.test.ts' },
  'GET /api/events/operations': { own: 'an operator\'s: see operations.integration.test.ts' },
  'GET /api/events': { own: 'the stream is opened for the session\'s organisation: see live.integration.test.ts' },
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

const defined = await definedEndpoints()
const cases = Object.fromEntries(endpointFiles().flatMap(({ method, path }): [string, Case][] => {
  const name = `${method} ${path}`
  if (special[name]) return [[name, special[name]]]
  const { definition } = defined.find(one => one.path === path && one.method === method) ?? {}
  if (!definition || !(definition.permission in permissions)) return []
  const [, kind] = /\/([\w-]+)\/:id/.exec(path) ?? []
  const { body } = definition.input
  if (kind) return [[name, { notFound: kind, body: body ? smallestOf(body) : undefined }]]
  return [[name, method === 'GET' ? { list: path } : { own: 'in the session\'s organisation' }]]
}))

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
      const sent = path.endsWith('/organisation') ? { organisationId: their.organisations } : body
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
      vehicleId: their.vehicles,
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

/** Everything of the other organisation, as the superuser sees it. */
const snapshot = () => rowsOfOrganisation(database, their.organisations!)
