import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TimeZone } from '#shared/schemas/common.ts'
import type { Device, Fitting, Fittings } from '#shared/devices.ts'
import type { InvitationWithLink, Member } from '#shared/identity.ts'
import type { Vehicle } from '#shared/vehicles.ts'
import { definedEndpoints, type DefinedEndpoint } from '../../tools/api/endpoints.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { endpointFiles } from '../support/endpoints.ts'
import { listenLive } from '../support/live-listener.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { smallestOf } from '../support/samples.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeThings } from '../support/things.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let owner: SignedUp
let viewer: Client
let vehicle: Vehicle
let device: Device
let things: Record<string, string>
const updates = (await definedEndpoints()).filter(({ method }) => method === 'PATCH')
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  owner = await signUp(server.url)
  const {
    body: { path },
  } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
    email: 'viewer@example.org',
    role: 'viewer',
  })
  viewer = createClient(server.url)
  await viewer.send('POST', '/api/v1/invitation-acceptances', {
    token: path.split('#')[1],
    name: 'Viewer',
    password: 'a long enough password',
  })
  vehicle = (await owner.send<Vehicle>('POST', '/api/v1/vehicles', { name: 'Van', registration: 'B X 1' }))
    .body
  device = (await owner.send<Device>('POST', '/api/v1/devices', {
    name: 'The secret tracker',
    identifier: `imei-${randomUUID().slice(0, 8)}`,
    vehicleId: vehicle.id,
    tokenRequired: false,
  })).body
  await fetch(`${server.url}/api/ingest?id=${device.identifier}&lat=52.5&lon=13.4`)
  things = await makeThings(owner, 'Thing')
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

describe('a change that changes nothing', () => {
  /**
   * Those of which more than the first field is to be tried: an address, and what stands there already. The
   * others are sent what they answer of one that `makeThings` makes.
   */
  const special: Record<string, () => Promise<[address: string, body: object]>> = {
    'PATCH /api/v1/vehicles/:id': async () => [
      `/api/v1/vehicles/${vehicle.id}`,
      { name: 'Van', registration: 'B X 1', kind: 'car', make: null, year: null },
    ],
    'PATCH /api/v1/devices/:id': async () => [
      `/api/v1/devices/${device.id}`,
      { name: device.name, speedUnit: 'kn', tokenRequired: false, vehicleId: vehicle.id },
    ],
    'PATCH /api/v1/organisations/:id': async () => [
      `/api/v1/organisations/${owner.session.organisation!.id}`,
      { name: owner.session.organisation!.name, timeZone: 'UTC' },
    ],
    'PATCH /api/v1/members/:id': async () => {
      const { body } = await owner.send<{ items: Member[] }>('GET', '/api/v1/members')
      return [`/api/v1/members/${body.items.find(({ role }) => role === 'viewer')!.id}`, { role: 'viewer' }]
    },
    'PATCH /api/v1/fittings/:id': async () => {
      const { body } = await owner.send<Fittings>('GET', `/api/v1/devices/${device.id}/fittings`)
      const [{ id, from, to, vehicle: { id: vehicleId } }] = body.items as [Fitting]
      return [`/api/v1/fittings/${id}`, { from, to, vehicleId }]
    },
    'PATCH /api/v1/users/me': async () => ['/api/v1/users/me', { name: owner.session.user.name }],
  }
  async function asItIs({ path, definition }: DefinedEndpoint): Promise<[address: string, body: object]> {
    const [kind] = path.split('/').slice(-2)
    const address = path.replace(':id', things[kind!]!)
    const { body } = await owner.send<Record<string, unknown>>('GET', address)
    const [field] = Object.keys(smallestOf(definition.input.body!))
    return [address, { [field!]: body[field!] }]
  }
  it.each(updates)(
    '$method $path answers what is there, and writes no audit entry, no version and no event',
    async (endpoint) => {
      const [address, body] = await (special[`PATCH ${endpoint.path}`]?.() ?? asItIs(endpoint))
      const written = async () => {
        const tables = await database.asOwner<{ name: string }>(
          `SELECT table_name AS name FROM information_schema.columns
            WHERE table_schema = 'public' AND column_name = 'version' AND table_name <> 'schema_migrations'`)
        expect(tables.length).toBeGreaterThan(3)
        const sums = tables.map(({ name }) => `(SELECT sum(version) FROM ${name}) AS ${name}`)
        return database.asOwner(`SELECT (SELECT count(*) FROM audit_entries) AS entries,
          (SELECT max(updated_at) FROM vehicles) AS at, ${sums.join(', ')}`)
      }
      const before = await written()
      const { status, body: answer } = await owner.send('PATCH', address, body)
      expect(status).toBe(200)
      const { vehicleId: _, ...shown } = body as { vehicleId?: string }
      expect(answer).toMatchObject(shown)
      expect(await written()).toEqual(before)
    },
  )
})

it('a viewer sees vehicles and places, and nothing of devices: not in any answer, and not in a page', async () => {
  const seen = await viewer.send<Vehicle>('GET', `/api/v1/vehicles/${vehicle.id}`)
  expect([seen.status, seen.body.devices, seen.body.lastPosition?.latitude]).toEqual([200, [], 52.5])
  for (const { path } of endpointFiles().filter(
    ({ method, path }) => method === 'GET' && path !== '/api/events',
  )) {
    const { body } = await viewer.send('GET', path.replace(':id', vehicle.id))
    for (const secret of [device.id, device.identifier, device.name])
      expect([path, JSON.stringify(body).includes(secret)]).toEqual([path, false])
  }
  for (const page of ['/', '/vehicles', `/vehicles/${vehicle.id}`]) {
    const { body } = await viewer.send<string>('GET', page, undefined, { headers: { accept: 'text/html' } })
    // The overview asks for its fleet apart: GET /api/v1/fleet, above.
    if (page !== '/') expect(body).toContain('Van')
    for (const secret of [device.id, device.identifier, device.name])
      expect([page, body.includes(secret)]).toEqual([page, false])
  }
  expect((await owner.send<Vehicle>('GET', `/api/v1/vehicles/${vehicle.id}`)).body.devices).toEqual([
    { id: device.id, name: device.name },
  ])
})

it('a viewer\'s live stream says nothing of devices, members and invitations, and does once the role may see '
  + 'them', async () => {
  const listeners = [viewer, owner].map(client => listenLive(() => server.url, () => client.cookie()))
  const [theirs, ours] = listeners.map(({ heard }) => () =>
    heard.filter(({ name }) => name === 'changed').map(({ data }) => data.type),
  ) as [() => unknown[], () => unknown[]]
  try {
    await until(() => listeners.every(({ heard }) => heard.some(({ name }) => name === 'status')))
    const rename = async (name: string) => {
      const changed = { name: `The secret ${name}` }
      const { status } = await owner.send('PATCH', `/api/v1/devices/${device.id}`, changed)
      expect(status).toBe(200)
      await owner.send('POST', '/api/v1/invitations', { email: `${name}@example.org`, role: 'viewer' })
      await owner.send('PATCH', `/api/v1/vehicles/${vehicle.id}`, { notes: name })
    }
    await rename('first')
    await until(() => theirs().includes('vehicle') && ours().includes('vehicle'))
    expect(ours().sort()).toEqual(['device', 'invitation', 'vehicle'])
    expect(theirs()).toEqual(['vehicle'])

    const { body } = await owner.send<{ items: Member[] }>('GET', '/api/v1/members')
    const { id } = body.items.find(({ role }) => role === 'viewer')!
    const setRole = (role: string) => owner.send('PATCH', `/api/v1/members/${id}`, { role })
    expect((await setRole('dispatcher')).status).toBe(200)
    // The stream asks for the new role as soon as it is told of the change.
    for (let n = 0; !theirs().includes('device'); n++) await rename(`again-${n}`)
    expect((await setRole('viewer')).status).toBe(200)
    await owner.send('PATCH', `/api/v1/devices/${device.id}`, { name: device.name })
  }
  finally {
    for (const listener of listeners) listener.close()
  }
})

it('a body of a hundred thousand unknown fields is answered in a few lines', async () => {
  const { status, body } = await owner.send<{ errors: { path: string }[], detail: string }>(
    'POST',
    '/api/v1/vehicles',
    Object.fromEntries(
      Array.from({ length: 50_000 }, (_, n) => [`field-${n}${'x'.repeat(n ? 0 : 5_000)}`, 1]),
    ),
  )
  expect([status, body.errors.length, body.detail]).toEqual([400, 20, expect.stringContaining('50001')])
  expect(JSON.stringify(body).length).toBeLessThan(4_000)
})

describe('a time zone', () => {
  it.each([
    '+05:30',
    '-08:00',
    '+0530',
    'GMT+5',
    'EST',
    'EST5EDT',
    'PST8PDT',
    'Europe/Nowhere',
    'europe/berlin',
    'Europe/BERLIN',
    'UTC+3',
    'posix/Europe/Berlin',
    'localtime',
  ])('%s is refused everywhere one is taken', async (timeZone) => {
    for (const [method, path, more] of [
      ['PATCH', `/api/v1/organisations/${owner.session.organisation!.id}`, {}],
      ['POST', '/api/v1/organisations', { name: 'Second' }],
      [
        'POST',
        '/api/v1/users',
        {
          name: 'X',
          email: `${randomUUID()}@example.org`,
          password: 'a long enough password',
          organisationName: 'X',
        },
      ],
    ] as const) {
      const { status, body } = await owner.send<{ errors: { path: string }[] }>(method, path, {
        ...more,
        timeZone,
      })
      expect([path, status, body.errors?.map(({ path }) => path)]).toEqual([path, 400, ['timeZone']])
    }
  })
  it.each(['Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5', 'UTC'])(
    '%s is taken',
    async (timeZone) => {
      expect(
        (await owner.send('PATCH', `/api/v1/organisations/${owner.session.organisation!.id}`, { timeZone }))
          .status,
      ).toBe(200)
    },
  )
  it.each(['embedded', 'debian'] as const)(
    'means the same to this program and to the database, in summer and in winter (%s)',
    async (which) => {
      const own = await createTestDatabase(which)
      try {
        const zones = Intl.supportedValuesOf('timeZone').filter(zone => TimeZone.safeParse(zone).success)
        expect(zones.length).toBeGreaterThan(300)
        for (const moment of ['2026-01-15T12:00:00Z', '2026-07-15T12:00:00Z']) {
          const rows = await own.asOwner<{ name: string, local: string }>(
            `SELECT name, to_char($1::timestamptz AT TIME ZONE name, 'YYYY-MM-DD HH24:MI') AS local FROM unnest($2::text[]) AS zones(name)
          WHERE name IN (SELECT name FROM pg_timezone_names)`,
            [moment, zones],
          )
          expect(rows.length).toBeGreaterThan(300)
          const differing = rows.filter(
            ({ name, local }) =>
              new Date(moment).toLocaleString('sv-SE', {
                timeZone: name,
                dateStyle: 'short',
                timeStyle: 'short',
              }) !== local,
          )
          expect(differing.map(({ name }) => name).filter(name => !recentlyChanged.has(name))).toEqual([])
        }
      }
      finally {
        await own.drop()
      }
    },
  )
})

/**
 * Their governments changed the clocks lately: two programs' time zone databases need not be of the same
 * month.
 */
const recentlyChanged = new Set(['America/Asuncion', 'Asia/Almaty', 'Asia/Qostanay', 'Asia/Manila'])
