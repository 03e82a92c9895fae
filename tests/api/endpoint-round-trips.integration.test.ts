import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

let database: TestDatabase
let wire: TcpProxy
let server: TestServer
let user: SignedUp
let vehicleId: string
/** What the instance has said to the database since the last look, each time it wrote. */
const sent: string[] = []

beforeAll(async () => {
  database = await createTestDatabase('debian')
  wire = await createTcpProxy(database.servingUrl)
  wire.onClientData(data => void sent.push(data))
  server = await startServer({ env: { NUXT_DATABASE_URL: wire.url } })
  user = await signUp(server.url)
  vehicleId = (await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Van' })).body.id
})
afterAll(async () => {
  await server.stop()
  await wire.close()
  await database.drop()
})
beforeEach(() => {
  sent.length = 0
})

/** Not those of the monitor and the jobs, which ask by themselves: they are about no organisation. */
const trips = () => sent.filter(data => data.includes(user.session.organisation!.id))

describe('what an endpoint costs in round trips to the database', () => {
  it('a read is one, with the question who the caller is in it', async () => {
    expect((await user.send('GET', `/api/v1/vehicles/${vehicleId}`)).status).toBe(200)
    expect((await user.send('GET', '/api/v1/vehicles')).status).toBe(200)
    expect(trips()).toHaveLength(2)
    for (const trip of trips()) expect(trip).toMatch(/session_caller.*from "vehicles"/s)
  })

  it('a change with its audit entry, its event and its record is two: what it does, and COMMIT', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    expect((await user.send('POST', '/api/v1/vehicles', { name: 'Car' }, { headers })).status).toBe(201)
    expect(trips()).toHaveLength(2)
    const [what, commit] = trips()
    for (const part of ['claim_operation', 'session_caller', '"vehicles"', '"audit_entries"', '"outbox"'])
      expect(what).toContain(part)
    expect(commit).toMatch(/INSERT INTO operations.*COMMIT/s)
  })

  it('a fault in the request is found without its transaction, and the caller is asked for', async () => {
    expect((await user.send('POST', '/api/v1/vehicles', { name: '' })).status).toBe(400)
    expect(trips()).toHaveLength(1)
    expect(trips()[0]).toContain('session_caller')
  })
})
