import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, describe, it } from 'vitest'
import type { Page } from '#shared/schemas/common.ts'
import type { DeviceEvent } from '#shared/device-events.ts'
import type { DeviceMessageEntry } from '#shared/device-messages.ts'
import type { Device } from '#shared/devices.ts'
import type { JudgedPosition, Vehicle } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { readCases, requestOf, type DeviceCase } from './cases/cases.ts'
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

async function made(identifier = `case-${randomUUID()}`) {
  const { body: vehicle } = await owner.send<Vehicle>('POST', '/api/v1/vehicles', { name: 'Van', kind: 'van' })
  const { status, body: device } = await owner.send<Device>('POST', '/api/v1/devices', {
    name: 'Tracker', identifier, vehicleId: vehicle.id, tokenRequired: false,
  })
  expect(status).toBe(201)
  return { vehicle, device }
}
const list = async <T>(path: string) => (await owner.send<Page<T>>('GET', path)).body.items
const shown = async ({ id }: Vehicle) => {
  const { body: { lastPosition } } = await owner.send<Vehicle>('GET', `/api/v1/vehicles/${id}`)
  return lastPosition && [lastPosition.latitude, lastPosition.longitude]
}

async function check(one: DeviceCase) {
  const { vehicle, device } = await made(one.identifier)
  const moment = Math.floor(Date.now() / 1000) - (one.now ? 0 : 3_000)
  for (const send of one.sends) {
    const { query, init } = requestOf(send, { moment, id: device.identifier })
    const response = await fetch(`${server.url}/api/ingest${query}`, init)
    const [status, body = status === 200 ? '' : undefined] = send.answer ?? [200]
    const text = await response.text()
    expect([response.status, status === 200 ? text : '']).toEqual([status, status === 200 ? body : ''])
    if (send.then) expect(await shown(vehicle)).toEqual(send.then)
  }

  const fixes = (await list<JudgedPosition>(`/api/v1/devices/${device.id}/positions`)).reverse()
  const expected = one.fixes ?? []
  expect(fixes.map(({ fixTime, latitude, longitude, credibility }) =>
    [fixTime, latitude, longitude, credibility])).toEqual(expected.map(({ at, time, place, credibility = 'ok' }) =>
    [time ?? new Date((moment + at!) * 1000).toISOString(), ...place, credibility]))
  for (const [index, { reason, attributes, ...fix }] of expected.entries()) {
    const found = fixes[index]!
    if (reason === null) expect(found.reason).toBeNull()
    else if (reason !== undefined) expect(found.reason).toContain(reason)
    if (attributes) expect(found.attributes).toEqual(attributes)
    for (const name of ['speedKmh', 'courseDegrees', 'accuracyMetres'] as const) {
      const wanted = fix[name]
      if (wanted === null) expect([name, found[name]]).toEqual([name, null])
      else if (wanted !== undefined) expect(found[name]).toBeCloseTo(wanted, 3)
    }
  }

  const events = (await list<DeviceEvent>(`/api/v1/device-events?deviceId=${device.id}`))
    .map(({ kind, data, fixTime }) => ({ kind, data, at: (Date.parse(fixTime) - moment * 1000) / 1000 }))
  const inOrder = (all: { data: object }[]) =>
    all.toSorted((a, b) => JSON.stringify(a.data).localeCompare(JSON.stringify(b.data)))
  if (one.events) {
    expect(inOrder(events))
      .toEqual(inOrder(one.events).map(event => ({ at: expect.any(Number) as number, ...event })))
  }
  else {
    expect(events).toEqual([])
  }

  const messages = await list<DeviceMessageEntry>(`/api/v1/device-messages?deviceId=${device.id}`)
  const quarantined = messages.filter(({ outcome }) => outcome === 'quarantined')
  expect(quarantined.map(({ reason }) => reason))
    .toEqual((one.quarantined ?? []).map(reason => expect.stringContaining(reason) as string))
  const doubted = expected.filter(({ credibility = 'ok' }) => credibility !== 'ok')
  const judged = messages.filter(({ outcome }) => outcome === 'judged')
  if (one.messages) expect(judged.map(({ credibility }) => credibility)).toEqual(one.messages)
  else if (doubted.length) expect(judged.length).toBeGreaterThanOrEqual(doubted.length - 1)

  if (one.shown) {
    expect(await shown(vehicle)).toEqual(one.shown)
    const track = await list<JudgedPosition>(
      `/api/v1/vehicles/${vehicle.id}/positions?from=${new Date((moment - 10_000) * 1000).toISOString()}`
      + `&to=${new Date((moment + 40_000) * 1000).toISOString()}`)
    expect(track.map(({ credibility }) => credibility).filter(credibility => credibility !== 'ok')).toEqual([])
  }
  if (one.device)
    expect((await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)).body).toMatchObject(one.device)
}

describe.each(['osmand', 'json', 'judged'])('%s', (file) => {
  it.each(readCases(file))('$case ($client): $promise', check)
})

it('nothing of all this was unexpected', () => {
  const lines = server.output().split('\n').filter(line => /"level":"(error|fatal)"/.test(line))
  expect(lines).toEqual([])
})
