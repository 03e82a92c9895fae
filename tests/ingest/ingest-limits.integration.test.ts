import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeviceWithToken } from '#shared/devices.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let owner: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: {
    NUXT_DATABASE_URL: database.servingUrl, NUXT_INGEST_DEVICE_LIMIT: '1', NUXT_INGEST_REFUSED_LIMIT: '1',
  } })
  owner = await signUp(server.url)
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

const make = async () => (await owner.send<DeviceWithToken>('POST', '/api/v1/devices', {
  name: 'Tracker', identifier: randomUUID(), tokenRequired: false,
})).body
const send = (id: string, from: string, more = '') => fetch(
  `${server.url}/api/ingest?id=${id}&lat=1&lon=2${more}`, { headers: { 'x-forwarded-for': from } })
const metric = async (name: string) => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(text.split('\n').find(line => line.startsWith(name))?.split(' ').at(-1))
}

describe('past a limit', () => {
  it('a device is told to send again later, and others are taken', async () => {
    const [device, other] = [await make(), await make()]
    // Five minutes' worth at once, in one request and in many.
    const list = Array.from({ length: 299 }, (_, n) =>
      ({ id: device.identifier, lat: 1, lon: 2, timestamp: 1_795_000_000 + n }))
    const all = await fetch(`${server.url}/api/ingest`, { method: 'POST', body: JSON.stringify(list) })
    expect(all.status).toBe(200)
    const answers = []
    for (let n = 0; n < 4; n++) answers.push(await send(device.identifier, '198.51.100.1'))
    const refused = answers.find(({ status }) => status === 429)!
    expect(answers.map(({ status }) => status)).toContain(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await refused.json()).toMatchObject({ type: 'urn:fleet2:problem:too-many-requests' })
    expect((await send(other.identifier, '198.51.100.1')).status).toBe(200)
    expect(await metric('fleet2_device_requests_limited_total{limit="device"')).toBeGreaterThanOrEqual(1)
    await until(async () => (await send(device.identifier, '198.51.100.1')).status === 200, 'it to be taken again')
  })
  it('a network address that guesses is heard no more, but for devices that are known from before', async () => {
    const [device, neverHeard] = [await make(), await make()]
    const from = '203.0.113.9'
    expect((await send(device.identifier, from)).status).toBe(200)
    const guesses = await Promise.all(Array.from({ length: 60 }, () => send(randomUUID(), from)))
    expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([404]))
    const statuses = []
    for (let n = 0; n < 5; n++) statuses.push((await send(randomUUID(), from)).status)
    expect(statuses).toContain(429)
    expect([
      (await send(device.identifier, from, '&timestamp=1795000000')).status,
      (await send(neverHeard.identifier, '203.0.113.10')).status,
    ]).toEqual([200, 200])
    expect(await metric('fleet2_device_requests_refused_total{reason="unknown"')).toBeGreaterThanOrEqual(60)
    expect(await metric('fleet2_device_requests_limited_total{limit="address"')).toBeGreaterThanOrEqual(1)
  })
})
