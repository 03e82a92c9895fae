import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import kept from '#shared/api/openapi.json' with { type: 'json' }
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let database: TestDatabase
let server: TestServer
let owner: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  owner = await signUp(server.url)
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

it('a vehicle\'s life by the generated client: what its types say is what is answered', async () => {
  const { api } = owner
  const made = await api.POST('/api/v1/vehicles', { body: { name: 'Van', kind: 'van' } })
  expect([made.response.status, made.data?.kind, made.data?.version]).toEqual([201, 'van', 1])
  const path = { id: made.data!.id }
  expect(made.response.headers.get('location')).toBe(`/api/v1/vehicles/${path.id}`)

  const rename = (name: string) =>
    api.PATCH('/api/v1/vehicles/{id}', { params: { path }, body: { name, version: 1 } })
  expect((await rename('Bus')).data).toMatchObject({ name: 'Bus', version: 2 })
  const late = await rename('Car')
  expect([late.response.status, late.error?.type]).toEqual([409, 'urn:fleet2:problem:outdated-version'])

  const key = { 'Idempotency-Key': randomUUID() }
  for (const replayed of [null, 'true']) {
    const removed = await api.DELETE('/api/v1/vehicles/{id}', { params: { path, header: key } })
    const { status, headers } = removed.response
    expect([status, headers.get('idempotency-replayed')]).toEqual([204, replayed])
  }
  const list = await api.GET('/api/v1/vehicles', { params: { query: { state: 'removed', limit: 1 } } })
  expect(list.data?.items.map(({ name }) => name)).toEqual(['Bus'])
  const restored = await api.POST('/api/v1/vehicles/{id}/restoration', { params: { path } })
  expect(restored.data?.removedAt).toBeNull()
})

it('the document that it was generated from is the one that is served', async () => {
  const { data } = await owner.api.GET('/api/openapi.json')
  expect(data).toEqual(kept)
})

it('the reference shows each operation and each schema, to nobody in particular', async () => {
  const page = await (await fetch(`${server.url}/api-reference`)).text()
  for (const path of Object.keys(kept.paths)) expect(page).toContain(`>${path}<`)
  for (const name of Object.keys(kept.components.schemas)) expect(page).toContain(`id="schema-${name}"`)
})
