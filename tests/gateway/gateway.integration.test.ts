import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from '#shared/schemas/common.ts'
import type { DeviceEvent } from '#shared/device-events.ts'
import type { DeviceMessageEntry } from '#shared/device-messages.ts'
import type { Device } from '#shared/devices.ts'
import type { Vehicle } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import {
  connectTracker, gt06Heartbeat, gt06Login, gt06Position, h02Text, teltonikaDatagram, teltonikaLogin,
  teltonikaPacket, type Sent,
} from '../support/tracker.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let proxy: TcpProxy
let server: TestServer
let owner: SignedUp
/** Another instance on the same database, whose way to it nobody cuts: people speak to this one. */
let other: TestServer
const env = {
  NUXT_GATEWAY_TELTONIKA_PORT: '0', NUXT_GATEWAY_GT06_PORT: '0', NUXT_GATEWAY_H02_PORT: '0',
}
beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await createTcpProxy(database.servingUrl)
  server = await startServer({
    env: {
      ...env, NUXT_DATABASE_URL: proxy.url, NUXT_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS: '20',
    },
  })
  other = await startServer({ env: { ...env, NUXT_DATABASE_URL: database.servingUrl } })
  owner = await signUp(other.url)
})
afterAll(async () => {
  await server.stop()
  await other.stop()
  await proxy.close()
  await database.drop()
})

type Protocol = 'teltonika' | 'gt06' | 'h02'
async function portOf(of: TestServer, protocol: Protocol): Promise<number> {
  const line = new RegExp(`"protocol":"${protocol}","port":(\\d+)`)
  await until(() => line.test(of.output()), `a port for ${protocol}`)
  return Number(line.exec(of.output())![1])
}
const connectTo = async (of: TestServer, protocol: Protocol) => connectTracker(await portOf(of, protocol))

let imeis = 350_000_000_000_000 + Math.floor(Math.random() * 1e9) * 1_000
async function made(identifier = String(imeis++), more: object = {}) {
  const { body: vehicle } = await owner.send<Vehicle>('POST', '/api/v1/vehicles', { name: 'Truck', kind: 'truck' })
  const { status, body: device } = await owner.send<Device>('POST', '/api/v1/devices', {
    name: 'Tracker', identifier, vehicleId: vehicle.id, tokenRequired: false, ...more,
  })
  expect(status).toBe(201)
  return { vehicle, device, identifier }
}
const stored = (device: Device) =>
  database.asOwner<{ fix_time: Date, latitude: number, speed_kmh: number }>(
    'SELECT * FROM positions WHERE device_id = $1 ORDER BY fix_time', [device.id])
const shown = async ({ id }: Vehicle) => (await owner.send<Vehicle>('GET', `/api/v1/vehicles/${id}`)).body.lastPosition
const start = Math.floor(Date.now() / 1000) * 1000 - 3_600_000
const at = (second: number): Sent =>
  ({ time: start + second * 1000, latitude: 52.5 + second / 1e4, longitude: 13.4 })
const times = async (device: Device) => (await stored(device)).map(({ fix_time: time }) => time.getTime())
const count = (records: number) => Buffer.from([0, 0, 0, records])
const admitted = Buffer.from([1])

describe('a tracker', () => {
  it('of Teltonika moves its vehicle, in crumbs as well as glued, and its device says so', async () => {
    const { vehicle, device, identifier } = await made()
    const tracker = await connectTo(server, 'teltonika')
    for (const byte of teltonikaLogin(identifier)) tracker.send(Buffer.from([byte]))
    expect(await tracker.hear(1)).toEqual(admitted)
    const first = teltonikaPacket([at(0), at(1)])
    tracker.send(first.subarray(0, 30))
    const [second, third] = [teltonikaPacket([at(2)]), teltonikaPacket([at(3), at(4)])]
    tracker.send(Buffer.concat([first.subarray(30), second, third]))
    expect(await tracker.hear(12)).toEqual(Buffer.concat([count(2), count(1), count(2)]))
    expect(await times(device)).toEqual([0, 1, 2, 3, 4].map(n => at(n).time))
    expect(await shown(vehicle)).toMatchObject({ latitude: at(4).latitude, longitude: 13.4, speedKmh: 50 })
    expect((await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)).body)
      .toMatchObject({ protocol: 'teltonika', lastSeenAt: expect.any(String) as string })
    tracker.end()
  })
  it('of GT06 is answered, and its alarm is an event; a heartbeat is a last contact and no position', async () => {
    const { vehicle, device, identifier } = await made()
    const tracker = await connectTo(server, 'gt06')
    tracker.send(Buffer.concat([gt06Login(identifier), gt06Position(at(0), 2), gt06Position(at(1), 3, 1)]))
    expect((await tracker.hear(30)).readUInt16BE(24)).toBe(3)
    tracker.send(gt06Heartbeat(4))
    expect((await tracker.hear(10))[3]).toBe(0x13)
    expect(await stored(device)).toHaveLength(2)
    expect(await shown(vehicle)).toMatchObject({ longitude: 13.4 })
    const events = (await owner.send<Page<DeviceEvent>>('GET', `/api/v1/device-events?deviceId=${device.id}`)).body.items
    expect(events.map(({ kind, data }) => [kind, data])).toContainEqual(['alarm', { alarm: 'sos' }])
    expect((await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)).body)
      .toMatchObject({ protocol: 'gt06', batteryPercent: 83 })
    tracker.end()
  })
  it('of H02 says who it is in each message, over TCP and UDP', async () => {
    const { device, identifier } = await made(String(4_000_000_000 + imeis++ % 1e9))
    const tracker = await connectTo(server, 'h02')
    tracker.send(Buffer.concat([h02Text(identifier, at(0)), h02Text(identifier, at(1))]))
    const socket = createSocket('udp4')
    socket.send(h02Text(identifier, at(2)), await portOf(server, 'h02'), '127.0.0.1')
    await until(async () => (await stored(device)).length === 3, 'three positions')
    expect((await stored(device))[0]!.speed_kmh).toBeCloseTo(20 * 1.852, 2)
    socket.close()
    tracker.end()
  })
  it('of Teltonika over UDP is acknowledged', async () => {
    const { device, identifier } = await made()
    const socket = createSocket('udp4')
    const answers: Buffer[] = []
    socket.on('message', answer => answers.push(answer))
    socket.send(teltonikaDatagram(identifier, 0xCAFE, [at(0), at(1)]), await portOf(server, 'teltonika'), '127.0.0.1')
    await until(() => answers.length > 0, 'the acknowledgement')
    expect(answers[0]!.toString('hex')).toBe('0005cafe010502')
    expect(await stored(device)).toHaveLength(2)
    socket.close()
  })
  it('that is not known, or must show a token, is refused; of the second one reads why', async () => {
    const stranger = await connectTo(server, 'teltonika')
    stranger.send(teltonikaLogin('350000000000000'))
    expect(await stranger.hear(1)).toEqual(Buffer.from([0]))
    await until(stranger.ended, 'the end')
    const { device, identifier } = await made(undefined, { tokenRequired: true })
    const unproved = await connectTo(server, 'teltonika')
    unproved.send(teltonikaLogin(identifier))
    expect(await unproved.hear(1)).toEqual(Buffer.from([0]))
    const path = `/api/v1/device-messages?deviceId=${device.id}`
    await until(async () => (await owner.send<Page<DeviceMessageEntry>>('GET', path)).body.items.length > 0, 'the message')
    const [message] = (await owner.send<Page<DeviceMessageEntry>>('GET', path)).body.items
    // It is not proved to be theirs: of what it says they read the name alone.
    expect(message).toMatchObject({ outcome: 'refused', raw: { protocol: '…', login: identifier } })
  })
  it('whose record cannot be is acknowledged, and the record is in quarantine with its bytes', async () => {
    const { device, identifier } = await made()
    const tracker = await connectTo(server, 'teltonika')
    tracker.send(Buffer.concat([
      teltonikaLogin(identifier), teltonikaPacket([{ ...at(0), time: 0 }, at(1)]),
    ]))
    expect(await tracker.hear(5)).toEqual(Buffer.concat([admitted, count(2)]))
    expect(await stored(device)).toHaveLength(1)
    const [row] = await database.asOwner<{ reason: string, raw: Record<string, string> }>(
      'SELECT reason, raw FROM quarantined_positions WHERE device_id = $1', [device.id])
    expect(row).toMatchObject({ reason: 'the time is before the year 2000', raw: { protocol: 'teltonika', codec: 8 } })
    expect(row!.raw.hex).toMatch(/^0000000000000000/)
    tracker.end()
  })
})

describe('an acknowledgement', () => {
  it('comes after the commit and not before', async () => {
    const { device, identifier } = await made()
    const tracker = await connectTo(other, 'teltonika')
    tracker.send(teltonikaLogin(identifier))
    await tracker.hear(1)
    await holding(database, 'LOCK TABLE positions IN ACCESS EXCLUSIVE MODE', async () => {
      tracker.send(teltonikaPacket([at(0)]))
      await untilWaiting(database, 1)
      expect(tracker.heard()).toEqual(admitted)
    })
    expect(await tracker.hear(4)).toEqual(count(1))
    expect(await stored(device)).toHaveLength(1)
    tracker.end()
  })
  it('does not come while the database is away; sent again, each record is there once', async () => {
    const { device, identifier } = await made()
    const tracker = await connectTo(server, 'teltonika')
    tracker.send(Buffer.concat([teltonikaLogin(identifier), teltonikaPacket([at(0)])]))
    expect(await tracker.hear(5)).toEqual(Buffer.concat([admitted, count(1)]))
    proxy.refuse()
    try {
      tracker.send(teltonikaPacket([at(1)]))
      await until(tracker.ended, 'the connection to end', 60_000)
      expect(tracker.heard().length).toBe(5)
    }
    finally {
      proxy.accept()
    }
    let heard: Buffer = Buffer.alloc(0)
    for (let n = 0; n < 20 && !heard.includes(count(3)); n++) {
      const again = await connectTo(server, 'teltonika')
      again.send(Buffer.concat([teltonikaLogin(identifier), teltonikaPacket([at(0), at(1), at(2)])]))
      await until(() => again.ended() || again.heard().length >= 5, 'an answer', 60_000)
      heard = again.heard()
      again.end()
    }
    expect(heard).toEqual(Buffer.concat([admitted, count(3)]))
    expect(await times(device)).toEqual([0, 1, 2].map(n => at(n).time))
  })
  it('that was lost on its way doubles nothing: what is sent again is acknowledged again', async () => {
    const { device, identifier } = await made()
    const tracker = await connectTo(other, 'teltonika')
    tracker.send(teltonikaLogin(identifier))
    await tracker.hear(1)
    await holding(database, 'LOCK TABLE positions IN ACCESS EXCLUSIVE MODE', async () => {
      tracker.send(teltonikaPacket([at(0), at(1)]))
      await untilWaiting(database, 1)
      tracker.socket.resetAndDestroy()
    })
    const again = await connectTo(other, 'teltonika')
    again.send(Buffer.concat([teltonikaLogin(identifier), teltonikaPacket([at(0), at(1)])]))
    expect(await again.hear(5)).toEqual(Buffer.concat([admitted, count(2)]))
    expect(await times(device)).toEqual([0, 1].map(n => at(n).time))
    again.end()
  })
  it('is not waited for by GT06: what it has said is stored once the database is back', async () => {
    const { device, identifier } = await made()
    const tracker = await connectTo(server, 'gt06')
    tracker.send(gt06Login(identifier))
    await tracker.hear(10)
    const before = server.output().length
    proxy.refuse()
    tracker.send(Buffer.concat([gt06Position(at(0), 2), gt06Position(at(1), 3)]))
    expect(await (await fetch(`${server.url}/metrics`)).text())
      .toMatch(/fleet2_gateway_connections\{protocol="gt06"\} [1-9]/)
    // It goes, and it would not say it again.
    tracker.socket.end()
    try {
      await until(() => server.output().slice(before).includes('could not be stored'), 'an attempt', 60_000)
      expect(await stored(device)).toEqual([])
    }
    finally {
      proxy.accept()
    }
    await until(async () => (await stored(device)).length === 2, 'both positions', 60_000)
  })
})

it('SIGTERM loses no record: what is being stored is acknowledged, the rest is not', async () => {
  const { device, identifier } = await made()
  const { device: second, identifier: another } = await made()
  const ending = await startServer({ env: { ...env, NUXT_DATABASE_URL: database.servingUrl } })
  const busy = await connectTo(ending, 'teltonika')
  const idle = await connectTo(ending, 'gt06')
  busy.send(teltonikaLogin(identifier))
  idle.send(gt06Login(another))
  await Promise.all([busy.hear(1), idle.hear(10)])
  await holding(database, 'LOCK TABLE positions IN ACCESS EXCLUSIVE MODE', async () => {
    busy.send(teltonikaPacket([at(0), at(1)]))
    await untilWaiting(database, 1)
    ending.kill('SIGTERM')
    await until(idle.ended, 'the idle one to be told')
    // Under way when it was told; nobody will send it again.
    idle.send(gt06Position(at(0), 2))
    expect(busy.ended()).toBe(false)
  })
  expect(await busy.hear(4)).toEqual(count(2))
  await until(busy.ended, 'the end')
  busy.end()
  expect(await stored(device)).toHaveLength(2)
  await until(async () => (await stored(second)).length === 1, 'what was under way')
  idle.end()
  expect(await ending.exited).toBe(0)
})

it('an instance with the role of a gateway speaks to trackers, and over HTTP of its health alone', async () => {
  const { device, identifier } = await made()
  const apart = await startServer({ env: { ...env, NUXT_DATABASE_URL: database.servingUrl, NUXT_ROLE: 'gateway' } })
  const tracker = await connectTo(apart, 'teltonika')
  tracker.send(Buffer.concat([teltonikaLogin(identifier), teltonikaPacket([at(0)])]))
  expect(await tracker.hear(5)).toEqual(Buffer.concat([admitted, count(1)]))
  expect(await stored(device)).toHaveLength(1)
  const status = async (path: string) => (await fetch(`${apart.url}${path}`)).status
  expect(await Promise.all(['/api/health', '/metrics', '/api/v1/status', '/api/ingest?id=1', '/'].map(status)))
    .toEqual([200, 200, 404, 404, 404])
  tracker.end()
  expect(await apart.stop()).toBe(0)
})

it('connections of one address have a bound, and the others go on', async () => {
  const before = await Promise.all(Array.from({ length: 20 }, () => connectTo(server, 'teltonika')))
  // This machine is believed about others, and counts for itself once it has said something.
  for (const one of before) one.send(Buffer.from([0xFF]))
  const { identifier } = await made()
  await until(async () => {
    const late = await connectTo(server, 'teltonika')
    late.send(teltonikaLogin(identifier))
    await until(() => late.ended() || late.heard().length > 0, 'an answer')
    const turnedAway = late.heard().length === 0
    late.end()
    return turnedAway
  }, 'one to be turned away')
  expect(await (await fetch(`${server.url}/metrics`)).text())
    .toMatch(/fleet2_gateway_refused_total\{protocol="teltonika",reason="address"\} [1-9]/)
  for (const one of before) one.end()
})
