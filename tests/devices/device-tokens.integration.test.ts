import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Problem } from '#server/edge/problem.ts'
import type { AuditEntry } from '#shared/audit.ts'
import type { Page } from '#shared/schemas/common.ts'
import type { Device, DeviceWithToken } from '#shared/devices.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let redis: TestRedis
let server: TestServer
let owner: SignedUp
/** Whatever has been started is ended, also when the next step fails. */
const ending: (() => unknown)[] = []
beforeAll(async () => {
  database = await createTestDatabase()
  ending.push(() => database.drop())
  redis = await startRedis()
  ending.push(() => redis.stop())
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url } })
  ending.push(() => server.stop())
  owner = await signUp(server.url)
})
afterAll(async () => {
  for (const end of ending.reverse()) await end()
})

const newIdentifier = () => `t-${randomUUID().slice(0, 12)}`
const make = (more: object = {}, headers: Record<string, string> = {}) => owner.send<DeviceWithToken>(
  'POST', '/api/v1/devices', { name: 'Tracker', identifier: newIdentifier(), ...more }, { headers })
const patch = <T = Device>(id: string, body: object) => owner.send<T>('PATCH', `/api/v1/devices/${id}`, body)
const ingest = async ({ identifier }: { identifier: string }, token?: string) => {
  const headers = token ? { authorization: `Bearer ${token}` } : undefined
  return (await fetch(`${server.url}/api/ingest?id=${identifier}&lat=1&lon=2`, { headers })).status
}
/** What the audit log says of the device, the newest first. */
const audited = async ({ id }: { id: string }) => {
  const { body } = await owner.send<Page<AuditEntry>>('GET', `/api/v1/audit-entries?subjectId=${id}`)
  return body.items.map(({ action, before, after }) => ({ action, before, after }))
}

describe('a new device', () => {
  it('needs a token without a word about it, is shown it once, and sends nothing without it', async () => {
    const { status, body: device } = await make()
    expect([status, device.tokenRequired]).toEqual([201, true])
    expect(device.token).toMatch(/^[\w-]{43}$/)
    expect([await ingest(device), await ingest(device, 'w'.repeat(43)), await ingest(device, device.token!)])
      .toEqual([401, 401, 200])
    const { body: read } = await owner.send('GET', `/api/v1/devices/${device.id}`)
    expect(read).toMatchObject({ tokenRequired: true })
    expect(read).not.toHaveProperty('token')
    expect(await audited(device)).toEqual([
      { action: 'device.created', before: null, after: expect.objectContaining({ tokenRequired: true }) },
    ])
  })
  it('whose answer was lost is given the same token by a repeat with the same Idempotency-Key', async () => {
    const [body, key] = [{ identifier: newIdentifier() }, { 'idempotency-key': randomUUID() }]
    const [first, second] = [await make(body, key), await make(body, key)]
    expect([second.headers.get('idempotency-replayed'), second.body]).toEqual(['true', first.body])
    expect(await ingest(second.body, second.body.token!)).toBe(200)
  })
  it('needs none only where that is said, and the audit log says so too', async () => {
    const { status, body: device } = await make({ tokenRequired: false })
    expect([status, device.tokenRequired, device.token]).toEqual([201, false, null])
    expect(await ingest(device)).toBe(200)
    expect(await audited(device)).toEqual([
      { action: 'device.created', before: null, after: expect.objectContaining({ tokenRequired: false }) },
    ])
  })
  it.each([null, 'false', 'true', 0, 1, '', [], {}])('is not made with %j for whether it needs one, and not '
    + 'changed either', async (tokenRequired) => {
    const identifier = newIdentifier()
    const fault = { path: 'tokenRequired', message: 'must be true or false' }
    const bad = { name: 'Bad', identifier, tokenRequired }
    const refused = await owner.send<Problem>('POST', '/api/v1/devices', bad)
    expect([refused.status, refused.body.errors]).toEqual([400, [fault]])
    expect(await database.asOwner('SELECT 1 FROM devices WHERE identifier = $1', [identifier])).toEqual([])
    const { body: device } = await make()
    const unchanged = await patch<Problem>(device.id, { tokenRequired })
    expect([unchanged.status, unchanged.body.errors]).toEqual([400, [fault]])
    const { body: read } = await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)
    expect([read.version, read.tokenRequired]).toEqual([device.version, true])
  })
})

it('a device that shows no token, or a wrong one, is in the log by its id, and what it showed is '
  + 'not', async () => {
  // A server of its own: the line is said once in ten seconds, and the first one at once.
  const env = { NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url }
  const own = await startServer({ env })
  try {
    const { body: device } = await make()
    const wrong = 'w'.repeat(43)
    const { status } = await fetch(`${own.url}/api/ingest?id=${device.identifier}&lat=1&lon=2&token=${wrong}`)
    expect(status).toBe(401)
    const line = () => own.output().split('\n').find(text => text.includes('showed no token or a wrong one'))
    await until(() => line() !== undefined, 'the line')
    expect(JSON.parse(line()!)).toMatchObject({ level: 'warn', devices: { [device.id]: 1 } })
    expect(own.output()).not.toContain(wrong)
    expect(own.output()).not.toContain(device.identifier)
  }
  finally {
    await own.stop()
  }
})

describe('a device that is there', () => {
  it('from before tokens were the rule goes on without one, also when it is changed', async () => {
    // As the version before made it: nobody had said anything of a token.
    const device = { id: randomUUID(), identifier: newIdentifier() }
    await database.asOwner(
      `INSERT INTO devices (id, organisation_id, name, identifier, token_required)
        VALUES ($1, $2, $3, $4, false)`,
      [device.id, owner.session.organisation!.id, 'Old', device.identifier],
    )
    expect(await ingest(device)).toBe(200)
    expect((await patch(device.id, { name: 'Old, renamed' })).body).toMatchObject({ tokenRequired: false })
    expect(await ingest(device)).toBe(200)
    const early = await patch<Problem>(device.id, { tokenRequired: true })
    expect([early.status, early.body.errors]).toEqual([400, [
      { path: 'tokenRequired', message: 'needs a token first: create one at /api/v1/devices/:id/token' },
    ]])
    const { body } = await owner.send<DeviceWithToken>('POST', `/api/v1/devices/${device.id}/token`)
    expect(body.tokenRequired).toBe(true)
    await until(async () => await ingest(device) === 401, 'the device to be asked for its token')
    expect(await ingest(device, body.token!)).toBe(200)
  })
  it('needs its token no more once that is said, and again when that is said; both are in the audit '
    + 'log', async () => {
    const { body: device } = await make()
    expect((await patch(device.id, { tokenRequired: false })).body.tokenRequired).toBe(false)
    await until(async () => await ingest(device) === 200, 'the device to be taken without its token')
    // What is shown must be right all the same.
    expect(await ingest(device, 'w'.repeat(43))).toBe(401)
    expect((await patch(device.id, { tokenRequired: true })).body.tokenRequired).toBe(true)
    await until(async () => await ingest(device) === 401, 'the device to be asked for its token')
    expect(await ingest(device, device.token!)).toBe(200)
    expect((await audited(device)).slice(0, 2)).toEqual([
      { action: 'device.updated', before: { tokenRequired: false }, after: { tokenRequired: true } },
      { action: 'device.updated', before: { tokenRequired: true }, after: { tokenRequired: false } },
    ])
  })
})

it('while Redis is away devices are made and renamed, and none is told that it needs no token', async () => {
  const { body: device } = await make()
  await redis.kill()
  try {
    const refused = await patch<Problem>(device.id, { tokenRequired: false })
    expect([refused.status, refused.body.type]).toEqual([503, 'urn:fleet2:problem:ask-again-later'])
    expect((await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)).body.tokenRequired).toBe(true)
    expect((await patch(device.id, { name: 'Renamed' })).status).toBe(200)
    expect((await make()).body.token).toMatch(/^[\w-]{43}$/)
  }
  finally {
    await redis.start()
  }
})
