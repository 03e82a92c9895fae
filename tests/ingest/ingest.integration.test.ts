import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from '#shared/schemas/common.ts'
import type { DeviceMessageEntry } from '#shared/device-messages.ts'
import type { Device, DeviceWithToken } from '#shared/devices.ts'
import type { Position, Vehicle } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { holding } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'
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

async function fitted(more: object = {}) {
  const { body: vehicle } = await owner.send<Vehicle>('POST', '/api/v1/vehicles', {
    name: `Van ${randomUUID().slice(0, 6)}`,
  })
  const { body: device } = await owner.send<DeviceWithToken>('POST', '/api/v1/devices', {
    name: 'Tracker',
    identifier: `t-${randomUUID().slice(0, 12)}`,
    vehicleId: vehicle.id,
    tokenRequired: false,
    ...more,
  })
  return { vehicle, device }
}
const send = (query: string, init: RequestInit = {}) => fetch(`${server.url}/api/ingest${query}`, init)
const vehicleNow = async (id: string) => (await owner.send<Vehicle>('GET', `/api/v1/vehicles/${id}`)).body
const stored = (deviceId: string) =>
  database.asOwner<{ fix_time: Date, latitude: number, speed_kmh: number, vehicle_id: string }>(
    'SELECT * FROM positions WHERE device_id = $1 ORDER BY fix_time',
    [deviceId],
  )
const t0 = Math.floor(Date.now() / 1000) - 1000

describe('a device', () => {
  it.each<[string, (id: string) => Promise<Response>, string]>([
    ['query', id => send(`?id=${id}&timestamp=${t0}&lat=52.5&lon=13.4&speed=10`), ''],
    [
      'form',
      id =>
        send('', {
          method: 'POST',
          body: new URLSearchParams({ id, timestamp: String(t0), lat: '52.5', lon: '13.4', speed: '10' }),
        }),
      '',
    ],
    [
      'the Traccar Client\'s JSON',
      id =>
        send('', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            device_id: id,
            location: {
              timestamp: new Date(t0 * 1000).toISOString(),
              coords: { latitude: 52.5, longitude: 13.4, speed: 18.52 / 3.6 },
            },
          }),
        }),
      '',
    ],
    [
      'OwnTracks\' JSON',
      id =>
        send('', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ _type: 'location', topic: id, tst: t0, lat: 52.5, lon: 13.4, vel: 18.52 }),
        }),
      '[]',
    ],
  ])('moves its vehicle in the form of %s', async (_, post, body) => {
    const { vehicle, device } = await fitted()
    const response = await post(device.identifier)
    expect([response.status, await response.text()]).toEqual([200, body])
    const { lastPosition } = await vehicleNow(vehicle.id)
    expect(lastPosition).toMatchObject({
      latitude: 52.5,
      longitude: 13.4,
      fixTime: new Date(t0 * 1000).toISOString(),
    })
    expect(lastPosition!.speedKmh).toBeCloseTo(18.52, 2)
    expect((await owner.send<Device>('GET', `/api/v1/devices/${device.id}`)).body.lastSeenAt).not.toBeNull()
  })
  it('that repeats a point is told that it is stored, and it is stored once', async () => {
    const { device } = await fitted()
    for (let n = 0; n < 3; n++)
      expect((await send(`?id=${device.identifier}&timestamp=${t0}&lat=1&lon=2`)).status).toBe(200)
    expect(await stored(device.id)).toHaveLength(1)
  })
  it('that sends an old point late does not move its vehicle back', async () => {
    const { vehicle, device } = await fitted()
    await send(`?id=${device.identifier}&timestamp=${t0 + 60}&lat=1&lon=1`)
    await send(`?id=${device.identifier}&timestamp=${t0}&lat=2&lon=2`)
    expect((await vehicleNow(vehicle.id)).lastPosition).toMatchObject({ latitude: 1 })
    expect((await stored(device.id)).map(({ latitude }) => latitude)).toEqual([2, 1])
  })
  it('that sends no place stands where it was', async () => {
    const { device } = await fitted()
    expect((await send(`?id=${device.identifier}&timestamp=${t0 - 60}&alarm=early`)).status).toBe(200)
    await send(`?id=${device.identifier}&timestamp=${t0}&lat=3&lon=4`)
    await send(`?id=${device.identifier}&timestamp=${t0 + 60}&alarm=sos`)
    expect((await stored(device.id)).map(({ latitude }) => latitude)).toEqual([3, 3])
  })
  it('whose point is out of bounds is told that it is taken; it is in quarantine with its '
    + 'reason', async () => {
    const { vehicle, device } = await fitted()
    expect(
      (await send(`?id=${device.identifier}&timestamp=619315200&lat=0&lon=0&alarm=alert%20message`)).status,
    ).toBe(200)
    expect((await send(`?id=${device.identifier}&lat=abc&lon=0`)).status).toBe(200)
    expect(await stored(device.id)).toEqual([])
    expect((await vehicleNow(vehicle.id)).lastPosition).toBeNull()
    const rows = await database.asOwner<{ reason: string, raw: Record<string, string> }>(
      'SELECT reason, raw FROM quarantined_positions WHERE device_id = $1 ORDER BY received_at',
      [device.id],
    )
    expect(rows.map(({ reason }) => reason)).toEqual([
      'the time is before the year 2000',
      'the latitude cannot be read; degrees with a decimal point, such as 52.5163, would be right',
    ])
    expect(rows[0]!.raw.alarm).toBe('alert message')
  })
  it('that is not known gets 404, that says no name 400, and what is no form of any device 400', async () => {
    expect((await send('?id=nobody-knows-me&lat=1&lon=2')).status).toBe(404)
    expect((await send('?lat=1&lon=2')).status).toBe(400)
    expect(
      (await send('', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' })).status,
    ).toBe(400)
    expect((await send('', { method: 'POST', body: 'x'.repeat(70_000) })).status).toBe(413)
    expect((await send('?id=x', { method: 'PUT' })).status).toBe(405)
    expect((await send('?id=a%0Ab&lat=1&lon=2')).status).toBe(404)
    expect((await send('?id=a%00b&lat=1&lon=2')).status).toBe(404)
  })
  it('with a token must show it', async () => {
    const { device } = await fitted({ tokenRequired: true })
    const basic = (token: string) => ({
      headers: { authorization: `Basic ${Buffer.from(`${device.identifier}:${token}`).toString('base64')}` },
    })
    const query = `?id=${device.identifier}&timestamp=${t0}&lat=1&lon=2`
    const without = await send(query)
    expect([without.status, without.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="device"'])
    expect((await send(query, basic('wrong'))).status).toBe(401)
    expect((await send(query, basic(device.token!))).status).toBe(200)
    expect((await send(query, { headers: { authorization: `Bearer ${device.token}` } })).status).toBe(200)
    const renew = async (query = '') =>
      (await owner.send<DeviceWithToken>('POST', `/api/v1/devices/${device.id}/token${query}`)).body
    const renewed = await renew()
    const dayMs = Date.parse(renewed.previousTokenUntil!) - Date.now()
    expect(Math.round(dayMs / 3_600_000)).toBe(24)
    await until(async () => (await send(query, basic(renewed.token!))).status === 200, 'the new token')
    // For a day the one before is taken, too.
    expect((await send(query, basic(device.token!))).status).toBe(200)
    const last = await renew('?endPrevious=true')
    expect(last.previousTokenUntil).toBeNull()
    await until(async () => (await send(query, basic(renewed.token!))).status === 401, 'the end of the old')
    expect((await send(query, basic(device.token!))).status).toBe(401)
    expect((await send(query, basic(last.token!))).status).toBe(200)
    const { body: { items } } = await owner.send<Page<DeviceMessageEntry>>(
      'GET', `/api/v1/device-messages?deviceId=${device.id}&outcome=refused`)
    expect(items.map(({ reason }) => reason)).toEqual([
      'the message has no token; this device must send its token',
    ])
    expect(JSON.stringify(items)).not.toContain(device.token)
  })
  it('that can be told an address and no header shows its token there, and it is written '
    + 'nowhere', async () => {
    const { device } = await fitted({ tokenRequired: true })
    const id = device.identifier
    const [token, wrong] = [device.token!, 'w'.repeat(43)]
    const bearer = { headers: { authorization: `Bearer ${token}` } }
    const json = (more: string) =>
      send(more, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          device_id: id,
          location: { timestamp: new Date(t0 * 1000).toISOString(), coords: { latitude: 1, longitude: 2 } },
        }),
      })
    const form = (more: string, fields: object) =>
      send(more, { method: 'POST', body: new URLSearchParams({ id, lat: '1', lon: '2', ...fields }) })
    const answers = {
      query: await send(`?id=${id}&lat=1&lon=2&token=${token}`),
      form: await form('', { token }),
      formAndAddress: await form(`?token=${token}`, {}),
      json: await json(`?token=${token}`),
      // A header goes before the address, whichever of them is wrong.
      headerFirst: await send(`?id=${id}&lat=1&lon=2&token=${wrong}`, bearer),
      quarantined: await send(`?id=${id}&lat=100&lon=2&token=${token}`),
      wrong: await send(`?id=${id}&lat=1&lon=2&token=${wrong}`),
      none: await json(''),
      empty: await json('?token='),
    }
    expect(Object.fromEntries(Object.entries(answers).map(([name, { status }]) => [name, status]))).toEqual({
      query: 200,
      form: 200,
      formAndAddress: 200,
      json: 200,
      headerFirst: 200,
      quarantined: 200,
      wrong: 401,
      none: 401,
      empty: 401,
    })
    expect(await answers.wrong.json()).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/HTTP Basic.*Bearer.*token=/),
    })
    expect(server.output()).not.toMatch(new RegExp(`${token}|${wrong}`))
    const kept = ['positions', 'quarantined_positions', 'device_states', 'vehicle_states', 'outbox']
    for (const table of kept) {
      const rows = await database.asOwner(`SELECT row_to_json(kept) FROM ${table} AS kept`)
      expect(JSON.stringify(rows), table).not.toContain(token)
    }
  })
  it('that is fitted to another vehicle leaves the first one its history', async () => {
    const { vehicle: first, device } = await fitted()
    const { vehicle: second } = await fitted()
    await send(`?id=${device.identifier}&timestamp=${t0}&lat=1&lon=1`)
    await owner.send('PATCH', `/api/v1/devices/${device.id}`, { vehicleId: second.id })
    await send(`?id=${device.identifier}&lat=1.001&lon=1`)
    // Of the time before, and late.
    await send(`?id=${device.identifier}&timestamp=${t0 + 60}&lat=1.002&lon=1`)
    expect((await vehicleNow(first.id)).lastPosition).toMatchObject({ latitude: 1.002 })
    expect((await vehicleNow(second.id)).lastPosition).toMatchObject({ latitude: 1.001 })
    expect((await stored(device.id)).map(({ vehicle_id: id }) => id)).toEqual([first.id, first.id, second.id])
  })
})

describe('many devices', () => {
  it('are committed together, and each is acknowledged only when its point is there', async () => {
    const fleet = await Promise.all(Array.from({ length: 10 }, () => fitted()))
    const commits = async () =>
      Number(
        (
          await database.asOwner<{ n: string }>(
            `SELECT count(DISTINCT xmin::text) AS n FROM positions
              WHERE organisation_id = $1 AND fix_time >= to_timestamp($2)`,
            [owner.session.organisation!.id, t0 + 500],
          )
        )[0]!.n,
      )
    const answers = await Promise.all(
      fleet.flatMap(({ device }) =>
        Array.from({ length: 20 }, async (_, n) => {
          const { status } = await send(`?id=${device.identifier}&timestamp=${t0 + 500 + n}&lat=${n / 10_000}&lon=2`)
          return status
        }),
      ),
    )
    expect(new Set(answers)).toEqual(new Set([200]))
    for (const { device, vehicle } of fleet) {
      expect((await stored(device.id)).map(({ latitude }) => latitude)).toEqual(
        Array.from({ length: 20 }, (_, n) => n / 10_000),
      )
      expect((await vehicleNow(vehicle.id)).lastPosition).toMatchObject({ latitude: 0.0019 })
    }
    expect(await commits()).toBeLessThan(100)
  })
  it('lose nothing by one whose point the database refuses: it is found by halving, quarantined once, '
    + 'and no place gets into the log', async () => {
    // A rule that our own bounds do not foresee.
    await database.asOwner('ALTER TABLE positions ADD CONSTRAINT refused_by_test CHECK (latitude <> 66.625)')
    try {
      const fleet = await Promise.all(Array.from({ length: 8 }, () => fitted()))
      const bad = await fitted()
      const metric = async (name: string) =>
        Number((await (await fetch(`${server.url}/metrics`)).text()).split(`\n${name} `)[1]!.split('\n')[0])
      const alone = () => metric('fleet2_position_batch_positions_bucket{le="1"}')
      const before = await alone()
      const said = server.output().length
      const badly = () => send(`?id=${bad.device.identifier}&timestamp=${t0}&lat=66.625&lon=13.4567`)
      const sent: Promise<Response>[] = []
      // While the first of them wait for the table, the others become one batch, or two.
      await holding(database, 'LOCK TABLE positions IN ACCESS EXCLUSIVE MODE', async () => {
        sent.push(...fleet.flatMap(({ device }) =>
          Array.from({ length: 40 }, (_, n) =>
            send(`?id=${device.identifier}&timestamp=${t0 + n}&lat=52.5162&lon=13.3777`),
          ),
        ), badly(), badly())
        const underWay = () => metric('fleet2_http_requests_in_flight')
        await until(async () => (await underWay()) >= sent.length, 'all of them to be there')
      })
      const answers = await Promise.all(sent)
      // Scrapes within a second are given the same text.
      await until(
        async () => (await metric('fleet2_positions_quarantined_total{reason="refused"}')) > 0,
        'a scrape of afterwards',
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      expect((await badly()).status).toBe(200)
      for (const { device } of fleet) expect(await stored(device.id)).toHaveLength(40)
      expect(await stored(bad.device.id)).toEqual([])
      const quarantined = await database.asOwner<{ reason: string }>(
        'SELECT reason FROM quarantined_positions WHERE device_id = $1',
        [bad.device.id],
      )
      // The same message has the same id, however often it is sent.
      expect(quarantined).toEqual([{ reason: 'the database refused it (SQLSTATE 23514)' }])
      // One by one it would be some hundred; of halves a few are left with one point.
      expect((await alone()) - before).toBeLessThan(30)
      const log = server.output().slice(said)
      expect(log.match(/The database refused points/g)).toHaveLength(1)
      expect(log).not.toMatch(/52\.5162|13\.3777|66\.625|13\.4567/)
    }
    finally {
      await database.asOwner('ALTER TABLE positions DROP CONSTRAINT refused_by_test')
    }
  })
  it('lose nothing of a list in which the database refuses one: the others are stored, and it is answered '
    + 'once all are somewhere', async () => {
    await database.asOwner('ALTER TABLE positions ADD CONSTRAINT refused_in_list CHECK (latitude <> 33.375)')
    try {
      const { device } = await fitted()
      const location = [33.374, 33.375, 33.376].map((latitude, n) => ({
        timestamp: new Date((t0 + n * 60) * 1000).toISOString(), coords: { latitude, longitude: 13 },
      }))
      const { status } = await send('', {
        method: 'POST', body: JSON.stringify({ device_id: device.identifier, location }),
      })
      expect(status).toBe(200)
      expect((await stored(device.id)).map(({ latitude }) => latitude)).toEqual([33.374, 33.376])
      const quarantined = await database.asOwner<{ reason: string }>(
        'SELECT reason FROM quarantined_positions WHERE device_id = $1', [device.id])
      expect(quarantined).toEqual([{ reason: 'the database refused it (SQLSTATE 23514)' }])
    }
    finally {
      await database.asOwner('ALTER TABLE positions DROP CONSTRAINT refused_in_list')
    }
  })
  it('are told to send again while the database is away, and lose nothing', async () => {
    const { device } = await fitted()
    const proxy = await createTcpProxy(database.servingUrl)
    const away = await startServer({ env: { NUXT_DATABASE_URL: proxy.url, NUXT_REQUEST_TIMEOUT: '1' } })
    try {
      const post = () => fetch(`${away.url}/api/ingest?id=${device.identifier}&timestamp=${t0}&lat=1&lon=2`)
      proxy.refuse()
      const refused = await post()
      expect([refused.status, refused.status === 503 ? '' : away.output()]).toEqual([503, ''])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      proxy.accept()
      let status = 0
      for (let n = 0; n < 20 && status !== 200; n++) status = (await post()).status
      expect(status).toBe(200)
      expect(await stored(device.id)).toHaveLength(1)
    }
    finally {
      await away.stop()
      await proxy.close()
    }
  })
})

describe('a track', () => {
  it('is read by time, in pages, without a gap or a double', async () => {
    const { vehicle, device } = await fitted()
    for (let n = 0; n < 25; n++) await send(`?id=${device.identifier}&timestamp=${t0 + n}&lat=${n / 10_000}&lon=1`)
    const seen: number[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: { body: { items: Position[], nextCursor: string | null } } = await owner.send(
        'GET',
        `/api/v1/vehicles/${vehicle.id}/positions?limit=10${cursor && `&cursor=${cursor}`}`,
      )
      seen.push(...body.items.map(({ latitude }) => latitude))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => n / 10_000))
  })
  it('is in the partition of its day, and one of long ago in the default partition', async () => {
    const { device } = await fitted()
    await send(`?id=${device.identifier}&timestamp=1377177267&lat=1&lon=2`)
    await send(`?id=${device.identifier}&timestamp=${t0}&lat=1&lon=2`)
    const rows = await database.asOwner<{ name: string }>(
      'SELECT tableoid::regclass::text AS name FROM positions WHERE device_id = $1 ORDER BY fix_time',
      [device.id],
    )
    expect(rows.map(({ name }) => name)).toEqual([
      'positions_default',
      `positions_${new Date(t0 * 1000).toISOString().slice(0, 10).replaceAll('-', '_')}`,
    ])
  })
})
