import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Problem } from '#server/edge/problem.ts'
import type { DeviceDay } from '#shared/device-days.ts'
import type { DeviceMessageEntry } from '#shared/device-messages.ts'
import type { DeviceWithToken } from '#shared/devices.ts'
import type { Job } from '#shared/jobs.ts'
import type { Page } from '#shared/schemas/common.ts'
import type { JudgedPosition } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

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

const make = async (more: object = {}) => (await owner.send<DeviceWithToken>('POST', '/api/v1/devices', {
  name: 'Tracker', identifier: randomUUID(), tokenRequired: false, ...more,
})).body
const send = async (device: DeviceWithToken, query: string) =>
  (await fetch(`${server.url}/api/ingest?id=${device.identifier}&${query}`)).status
const patch = (id: string, body: object) => owner.send('PATCH', `/api/v1/devices/${id}`, body)
const positions = async ({ id }: { id: string }) =>
  (await owner.send<Page<JudgedPosition>>('GET', `/api/v1/devices/${id}/positions`)).body.items
const messages = async ({ id }: { id: string }) =>
  (await owner.send<Page<DeviceMessageEntry>>('GET', `/api/v1/device-messages?deviceId=${id}`)).body.items
const ask = (deviceId: string, more: object = {}) => owner.send<Job & Problem>('POST', '/api/v1/device-replays', {
  deviceId, from: new Date(Date.now() - 3_600_000).toISOString(),
  to: new Date(Date.now() + 60_000).toISOString(), ...more,
})
async function replay(deviceId: string, more: object = {}): Promise<Job> {
  const { status, body } = await ask(deviceId, more)
  expect(status).toBe(201)
  let job: Job = body
  await until(async () => {
    job = (await owner.send<Job>('GET', `/api/v1/jobs/${body.id}`)).body
    return ['done', 'failed'].includes(job.state)
  }, 'the replay to end')
  expect([job.state, job.reason]).toEqual(['done', null])
  return job
}
const at = (secondsAgo: number) => Math.floor(Date.now() / 1000) - secondsAgo

describe('after a correction', () => {
  it('of the clock: messages that were ahead become positions at the right time, once, and say so', async () => {
    const device = await make()
    const ahead = [7_200, 3_600].map(seconds => at(-seconds))
    for (const [n, time] of ahead.entries()) expect(await send(device, `lat=${50 + n / 100}&lon=8&timestamp=${time}`)).toBe(200)
    expect((await messages(device)).map(({ credibility }) => credibility)).toEqual(['clock-ahead', 'clock-ahead'])
    expect((await patch(device.id, { clockCorrectionSeconds: -3 * 3_600 })).status).toBe(200)
    const job = await replay(device.id)
    expect(job.progress).toEqual({ done: 2, total: 2 })
    const believed = (await positions(device)).filter(({ credibility }) => credibility === 'ok')
    expect(believed.map(({ fixTime }) => Date.parse(fixTime) / 1000).sort())
      .toEqual(ahead.map(time => time - 10_800).sort())
    expect(believed[0]!.reason).toBe('3 h were taken off the time, as the device is set')
    expect((await messages(device)).every(({ replayedAt }) => replayedAt !== null)).toBe(true)
    // A second one finds nothing more to do.
    expect((await replay(device.id)).progress).toEqual({ done: 0, total: 0 })
    expect((await positions(device)).filter(({ credibility }) => credibility === 'ok')).toHaveLength(2)
  })
  it('of the unit: what was quarantined for its speed is taken, and speeds that were stored are converted', async () => {
    const device = await make({ speedUnit: 'kn' })
    const [slow, fast] = [at(600), at(500)]
    await send(device, `lat=50&lon=8&timestamp=${slow}&speed=100`)
    await send(device, `lat=50.01&lon=8&timestamp=${fast}&speed=900`)
    expect((await messages(device)).map(({ outcome }) => outcome)).toEqual(['quarantined'])
    await patch(device.id, { speedUnit: 'kmh' })
    await replay(device.id, { speedUnitBefore: 'kn', to: new Date().toISOString() })
    const speeds = new Map((await positions(device))
      .map(one => [Date.parse(one.fixTime) / 1000, one.speedKmh]))
    expect(speeds.get(slow)).toBeCloseTo(100, 1)
    expect(speeds.has(fast)).toBe(true)
    expect((await messages(device))[0]!.replayedAt).not.toBeNull()
  })
  it('leaves the live state and the clock of the device as they are', async () => {
    const device = await make()
    await send(device, `lat=50&lon=8&timestamp=${at(-7_200)}`)
    await send(device, `lat=51&lon=9&timestamp=${at(0)}`)
    const before = await database.asOwner('SELECT fix_time, latitude, judging FROM device_states WHERE device_id = $1', [device.id])
    await replay(device.id)
    expect(await database.asOwner('SELECT fix_time, latitude, judging FROM device_states WHERE device_id = $1', [device.id]))
      .toEqual(before)
  })
})

it('what is asked for wrongly is told so, and nothing begins', async () => {
  const device = await make()
  const now = new Date().toISOString()
  for (const [more, path] of [
    [{ from: now, to: now }, 'to'],
    [{ from: '2026-01-01T00:00:00Z' }, 'from'],
    [{ speedUnitBefore: 'kn' }, 'speedUnitBefore'],
    [{ speedUnitBefore: 'furlongs' }, 'speedUnitBefore'],
  ] as const) {
    const { status, body } = await ask(device.id, more)
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([400, [path]])
  }
  expect((await ask(randomUUID())).status).toBe(404)
  const { body } = await owner.send<Page<Job>>('GET', '/api/v1/jobs?state=queued')
  expect(body.items).toEqual([])
})

it('recorded messages that are old are deleted, and others are not', async () => {
  const device = await make()
  await send(device, 'lat=51&lon=8')
  await send(device, 'lat=52&lon=8')
  const recorded = async () => (await owner.send<{ items: { raw: Record<string, string> }[] }>(
    'GET', `/api/v1/devices/${device.id}/recorded-messages`)).body.items
  expect(await recorded()).toHaveLength(2)
  await database.asOwner(
    `UPDATE recorded_messages SET received_at = now() - interval '32 days'
      WHERE device_id = $1 AND raw->>'lat' = '51'`,
    [device.id])
  await database.asOwner(
    `UPDATE job_schedules SET next_at = now() - interval '1 s' WHERE name = 'device-message-cleaning'`)
  await until(async () => (await recorded()).length === 1, 'the old one to be deleted')
  expect((await recorded())[0]!.raw).toMatchObject({ lat: '52' })
})

it('days tell of positions, the battery and silences', async () => {
  const device = await make()
  const noon = new Date()
  noon.setUTCHours(0, 0, 0, 0)
  const begin = noon.getTime() / 1000 - 43_200
  for (const [n, battery] of [[0, 90], [60, 89], [120, 88], [7_320, 71]] as const)
    await send(device, `lat=50&lon=8&timestamp=${begin + n}&batt=${battery}`)
  const { body } = await owner.send<{ items: DeviceDay[] }>('GET', `/api/v1/devices/${device.id}/days?days=3`)
  expect(body.items).toEqual([{
    day: new Date(begin * 1000).toISOString().slice(0, 10), positions: 4, believed: 4,
    battery: { first: 90, last: 71, least: 71 }, leastVolts: null, gaps: 1, silentSeconds: 7_200,
  }])
})
