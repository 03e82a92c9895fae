import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Session } from '#shared/identity.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

/** A person with two organisations, whose session works in the second. */
async function inTwo(): Promise<{ user: SignedUp, first: string, second: string }> {
  const user = await signUp(server.url, 'First')
  const {
    body: { id },
  } = await user.send<{ id: string }>('POST', '/api/v1/organisations', { name: 'Second', timeZone: 'UTC' })
  await user.send('PUT', '/api/v1/session/organisation', { organisationId: id })
  return { user, first: user.session.organisation!.id, second: id }
}
const vehiclesOf = (organisationId: string) =>
  database.asOwner<{ name: string }>('SELECT name FROM vehicles WHERE organisation_id = $1', [organisationId])

describe('a request', () => {
  it('that is meant for another organisation than the session\'s is refused, be it a change or a question, and changes nothing', async () => {
    const { user, first, second } = await inTwo()
    for (const [method, body] of [
      ['POST', { name: 'Astray' }],
      ['GET', undefined],
    ] as const) {
      const { status, body: problem } = await user.send(method, '/api/v1/vehicles', body, {
        headers: { 'fleet2-organisation': first },
      })
      expect([status, problem.type]).toEqual([409, 'urn:fleet2:problem:organisation-changed'])
    }
    expect([await vehiclesOf(first), await vehiclesOf(second)]).toEqual([[], []])
    expect(
      (
        await user.send(
          'POST',
          '/api/v1/vehicles',
          { name: 'Meant' },
          { headers: { 'fleet2-organisation': second } },
        )
      ).status,
    ).toBe(201)
    expect((await user.send('POST', '/api/v1/vehicles', { name: 'Does not say' })).status).toBe(201)
  })
  it('that says no organisation at all is told what would be one', async () => {
    const { user } = await inTwo()
    const { status, body } = await user.send('GET', '/api/v1/vehicles', undefined, {
      headers: { 'fleet2-organisation': 'mine' },
    })
    expect([status, body.errors]).toEqual([
      400,
      [{ path: 'Fleet2-Organisation', message: 'must be the id of an organisation' }],
    ])
  })
  it('of the person and not of an organisation is answered whichever the page shows: it is how one gets back', async () => {
    const { user, first } = await inTwo()
    const headers = { 'fleet2-organisation': first }
    expect((await user.send('GET', '/api/v1/session', undefined, { headers })).status).toBe(200)
    expect(
      (
        await user.send<Session>(
          'PUT',
          '/api/v1/session/organisation',
          { organisationId: first },
          { headers },
        )
      ).body.organisation!.id,
    ).toBe(first)
    expect((await user.send('GET', '/api/v1/vehicles', undefined, { headers })).status).toBe(200)
  })
})

describe('an Idempotency-Key', () => {
  it('of one organisation is another one in the next: each gets its vehicle', async () => {
    const { user, first, second } = await inTwo()
    const headers = { 'idempotency-key': 'one-for-both' }
    const inSecond = await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Van' }, { headers })
    await user.send('PUT', '/api/v1/session/organisation', { organisationId: first })
    const inFirst = await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Van' }, { headers })
    expect([inSecond.status, inFirst.status, inFirst.headers.get('idempotency-replayed')]).toEqual([
      201,
      201,
      null,
    ])
    expect(inFirst.body.id).not.toBe(inSecond.body.id)
    expect([await vehiclesOf(first), await vehiclesOf(second)]).toEqual([
      [{ name: 'Van' }],
      [{ name: 'Van' }],
    ])
  })
})

describe('somebody who was removed from an organisation', () => {
  it('makes no change in another one instead, whether the request says where it was meant or not', async () => {
    const { user, first, second } = await inTwo()
    await database.asOwner('DELETE FROM memberships WHERE organisation_id = $1', [second])
    const said: Record<string, string>[] = [{}, { 'fleet2-organisation': second }]
    for (const headers of said) {
      const { status, body } = await user.send(
        'POST',
        '/api/v1/vehicles',
        { name: 'Meant for the second' },
        { headers },
      )
      expect([status, body.type]).toEqual([409, 'urn:fleet2:problem:organisation-changed'])
    }
    expect(await vehiclesOf(first)).toEqual([])
    // Once it is said where, or chosen, work goes on.
    expect(
      (
        await user.send(
          'POST',
          '/api/v1/vehicles',
          { name: 'Said' },
          { headers: { 'fleet2-organisation': first } },
        )
      ).status,
    ).toBe(201)
    await user.send('PUT', '/api/v1/session/organisation', { organisationId: first })
    expect((await user.send('POST', '/api/v1/vehicles', { name: 'Chosen' })).status).toBe(201)
  })
})

describe('the live stream', () => {
  it('of another organisation says so and ends; that of the session\'s own goes on', async () => {
    const { user, first, second } = await inTwo()
    const read = async (organisation: string) => {
      const response = await fetch(`${server.url}/api/events?organisation=${organisation}`, {
        headers: { cookie: user.cookie() },
      })
      const reader = response.body!.getReader()
      let text = ''
      while (!/event: (status|ended)/.test(text))
        text += new TextDecoder().decode((await reader.read()).value)
      await reader.cancel()
      return /event: ([\w-]+)/.exec(text)![1]
    }
    expect([await read(first), await read(second)]).toEqual(['ended', 'status'])
  })
})
