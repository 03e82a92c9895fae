import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FleetSnapshot } from '#shared/fleet.ts'
import { createClient, signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let database: TestDatabase
let servers: TestServer[]
let owner: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  const env = { NUXT_DATABASE_URL: database.servingUrl }
  servers = await Promise.all([startServer({ env }), startServer({ env })])
  owner = await signUp(servers[0]!.url)
})
afterAll(async () => {
  await Promise.all(servers.map(server => server.stop()))
  await database.drop()
})

let made = 0
async function addVehicle(name: string, registration: string | null = null) {
  return (await owner.send<{ id: string }>('POST', '/api/v1/vehicles', { name, registration })).body.id
}
async function moveTo(vehicleId: string, query: string) {
  const identifier = `fleet-${made++}`
  await owner.send('POST', '/api/v1/devices', { name: 'Tracker', identifier, vehicleId, tokenRequired: false })
  const { status } = await createClient(servers[0]!.url).send('GET', `/api/ingest?id=${identifier}&${query}`)
  expect(status).toBe(200)
}
const fleet = (headers: Record<string, string> = {}) =>
  owner.send<FleetSnapshot>('GET', '/api/v1/fleet', undefined, { headers })

describe('the whole fleet', () => {
  it('has every vehicle in use once, in the order of names, with its newest position and none of the removed', async () => {
    const second = await addVehicle('beta', 'B-ET 2')
    const first = await addVehicle('Alpha')
    const removed = await addVehicle('Gone')
    await moveTo(second, 'timestamp=1790000000&lat=52.1234567&lon=-13.00001&speed=50&bearing=359.4')
    await owner.send('DELETE', `/api/v1/vehicles/${removed}`)
    const { status, body } = await fleet()
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: [first, second],
      name: ['Alpha', 'beta'],
      registration: [null, 'B-ET 2'],
      // A device was put into the second one.
      version: [1, 2],
      latitude: [null, 52.12346],
      longitude: [null, -13.00001],
      courseDegrees: [null, 359],
      fixSeconds: [null, 1_790_000_000],
    })
    // 50 knots, as OsmAnd's protocol has it.
    expect(body.speedKmh).toEqual([null, 92.6])
    expect(new Set(Object.values(body).map(column => column.length))).toEqual(new Set([2]))
  })

  it('says 304 without a body to whoever has it, on each instance, until something of it changes', async () => {
    const vehicle = await addVehicle('Conditional')
    const tag = (await fleet()).headers.get('etag')!
    expect(tag).toMatch(/^W\/"[\w-]{20,}"$/)
    const known = { 'if-none-match': `"another", ${tag}` }
    const same = await fleet(known)
    expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', tag])
    // Nobody on the way keeps it.
    expect(same.headers.get('cache-control')).toBe('private, no-store')
    const elsewhere = await fetch(`${servers[1]!.url}/api/v1/fleet`, {
      headers: { ...known, cookie: owner.cookie() },
    })
    expect(elsewhere.status).toBe(304)
    for (const change of [
      () => owner.send('PATCH', `/api/v1/vehicles/${vehicle}`, { name: 'Conditional II' }),
      () => moveTo(vehicle, 'timestamp=1790000001&lat=1&lon=1'),
      () => owner.send('DELETE', `/api/v1/vehicles/${vehicle}`),
    ]) {
      const before = (await fleet()).headers.get('etag')!
      await change()
      const after = await fleet({ 'if-none-match': before })
      expect(after.status).toBe(200)
      expect(after.headers.get('etag')).not.toBe(before)
    }
  })

  it('is empty columns where there is no vehicle', async () => {
    const nobody = await signUp(servers[0]!.url)
    const { body } = await nobody.send<FleetSnapshot>('GET', '/api/v1/fleet')
    expect(Object.values(body)).toEqual(Array(9).fill([]))
  })
})
