import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Operation } from './history.ts'
import { readFinalState } from './judge/final-state.ts'
import { doubledWrites } from './judge/writes.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('what the drills\' judge reads from the primary', () => {
  let database: TestDatabase
  let server: TestServer
  let person: SignedUp
  const operations: Operation[] = []

  beforeAll(async () => {
    database = await createTestDatabase()
    // Without records a change that is sent twice is made twice.
    server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, FLEET2_TEST_BREAK: 'this-loses-data:no-records' },
    })
    person = await signUp(server.url)
    const created = await change('create', 'a new van')
    await change('update', 'once', created)
    await change('update', 'twice', created, 2)
    await change('update', 'once more', created)
    await change('update', 'three times, parted', created)
    await change('update', 'between', created)
    await send('update', 'three times, parted', created)
    await send('update', 'three times, parted', created)
    await change('create', 'two new vans', undefined, 2)
  })
  afterAll(async () => {
    await server.stop()
    await database.drop()
  })

  async function send(kind: 'create' | 'update', value: string, vehicle?: string) {
    const { status, body }
      = kind === 'create'
        ? await person.send<{ id: string }>(
            'POST',
            '/api/v1/vehicles',
            { name: value },
            { headers: { 'idempotency-key': randomUUID() } },
          )
        : await person.send<{ id: string }>('PATCH', `/api/v1/vehicles/${vehicle}`, { notes: value })
    expect(status).toBe(kind === 'create' ? 201 : 200)
    return body.id
  }

  async function change(kind: 'create' | 'update', value: string, of?: string, times = 1) {
    let vehicle = of
    for (let n = 0; n < times; n++) vehicle = await send(kind, value, of)
    operations.push({
      session: 'u',
      organisation: 'o',
      startedAt: 0,
      endedAt: 1,
      attempts: [],
      outcome: 'done',
      kind,
      value,
      vehicle: vehicle!,
      version: null,
    })
    return vehicle!
  }

  it('an update that was made again after another one is found, and a vehicle that was made twice; one that was made twice in a row changed nothing the second time', async () => {
    const state = await readFinalState(
      { scenario: '', beganAt: '', operations, streams: [], marks: [] },
      (text, values) => database.asOwner(text, values),
    )
    expect(state.applied).toEqual({
      'a new van': 1,
      'once': 1,
      'twice': 1,
      'once more': 1,
      'three times, parted': 2,
      'between': 1,
      'two new vans': 2,
    })
    expect(doubledWrites(operations, state)).toEqual([
      'update "three times, parted" 2 times',
      'create "two new vans" 2 times',
    ])
  })
})
