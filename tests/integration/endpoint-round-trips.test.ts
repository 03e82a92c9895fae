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

/** Those for this organisation: not the monitor's and the jobs', which ask by themselves. */
const trips = (about: RegExp) => sent.filter(data => about.test(data)).length

describe('what an endpoint costs in round trips to the database', () => {
  it('a read is one, with the question who the caller is in it', async () => {
    expect((await user.send('GET', `/api/v1/vehicles/${vehicleId}`)).status).toBe(200)
    expect((await user.send('GET', '/api/v1/vehicles')).status).toBe(200)
    expect(trips(/set_config/)).toBe(2)
    expect(trips(/session_caller/)).toBe(2)
  })

  it('a change with its audit entry, its event and its record is two: what it does, and COMMIT', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    expect((await user.send('POST', '/api/v1/vehicles', { name: 'Car' }, { headers })).status).toBe(201)
    expect(trips(/claim_operation.*audit_entries.*outbox|claim_operation.*outbox.*audit_entries/s)).toBe(1)
    expect(trips(/COMMIT/)).toBe(1)
    expect(trips(/session_caller/)).toBe(1)
  })

  it('a fault in the request is found before the database is asked, and the caller is still asked for', async () => {
    expect((await user.send('POST', '/api/v1/vehicles', { name: '' })).status).toBe(400)
    expect(trips(/session_caller/)).toBe(1)
  })
})
