import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AuditEntry } from '#shared/audit.ts'
import type { Device } from '#shared/devices.ts'
import type { Vehicle } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { listenLive } from '../support/live-listener.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let owner: SignedUp
beforeAll(async () => {
  database = await createTestDatabase('debian')
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  owner = await signUp(server.url)
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

async function fitted() {
  const vehicle = (await owner.send<Vehicle>('POST', '/api/v1/vehicles', { name: 'Van' })).body
  const device = (await owner.send<Device>('POST', '/api/v1/devices', {
    name: 'Tracker', identifier: `imei-${randomUUID()}`, vehicleId: vehicle.id,
  })).body
  const { id, version } = device
  return { vehicle: `/api/v1/vehicles/${vehicle.id}`, device: `/api/v1/devices/${id}`, id, version }
}
const remove = async (address: string) => (await owner.send('DELETE', address)).status
const restore = async (address: string) => (await owner.send('POST', `${address}/restoration`)).status

it('a vehicle that is removed, and brought back, is a change of each device in it: by its version, in the '
  + 'audit log and on open pages; nobody saves over it', async () => {
  const { vehicle, device, id, version } = await fitted()
  const read = async () => (await owner.send<Device>('GET', device)).body
  const live = listenLive(() => server.url, () => owner.cookie())
  await until(() => live.heard.some(({ name }) => name === 'status'), 'the live stream')
  live.heard.length = 0
  expect(await remove(vehicle)).toBe(204)
  expect(await read()).toMatchObject({ vehicle: null, version: version + 1 })
  expect(await restore(vehicle)).toBe(200)
  expect(await read()).toMatchObject({ vehicle: { name: 'Van' }, version: version + 2 })

  for (const late of [version, version + 1]) {
    const { status, body } = await owner.send('PATCH', device, { version: late, vehicleId: null })
    expect([status, body.type]).toEqual([409, expect.stringContaining('outdated-version')])
  }
  const entries = (await owner.send<{ items: AuditEntry[] }>('GET', '/api/v1/audit-entries')).body.items
  expect(entries.filter(({ subject }) => subject.id === id).map(({ action }) => action)).toEqual([
    'device.assigned', 'device.unassigned', 'device.assigned', 'device.created',
  ])
  const told = () => live.heard.filter(({ data }) => data.id === id).map(({ data }) => data.change)
  await until(() => told().length >= 2, 'open pages to be told')
  expect(told()).toEqual(['updated', 'updated'])
  live.close()
})

it('a device that is put into a vehicle while that one is brought back: one waits for the other, and neither '
  + 'is ended by the database as a deadlock', async () => {
  const { vehicle, device, id } = await fitted()
  const vehicleId = vehicle.split('/').at(-1)
  expect(await remove(vehicle)).toBe(204)
  const contention = async () => /^fleet2_database_retries_total\{reason="contention"\} (\d+)$/m
    .exec(await (await fetch(`${server.url}/metrics`)).text())![1]
  const before = await contention()
  const answers: Promise<number>[] = []
  await holding(database, `SELECT 1 FROM devices WHERE id = '${id}' FOR UPDATE`, async () => {
    answers.push(owner.send('PATCH', device, { vehicleId }).then(({ status }) => status))
    await untilWaiting(database, 1)
    answers.push(restore(vehicle))
    await untilWaiting(database, 2)
  })
  // The vehicle was still removed when its turn came.
  expect(await Promise.all(answers)).toEqual([400, 200])
  expect(await contention()).toBe(before)
  expect((await owner.send<Device>('GET', device)).body.vehicle).toMatchObject({ id: vehicleId })
})
