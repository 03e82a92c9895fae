import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp, type Client } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * A label that grows with users, vehicles or paths costs Prometheus its memory, months later. So: the same is
 * done again by other people, with other things, at other addresses, and an instance must not have one series
 * more than before.
 */
let database: TestDatabase
let redis: TestRedis
let collector: OtlpReceiver
let server: TestServer
beforeAll(async () => {
  ;[database, redis, collector] = await Promise.all([createTestDatabase(), startRedis(), startOtlpReceiver()])
  server = await startServer({
    env: {
      NUXT_DATABASE_URL: database.servingUrl,
      NUXT_DATABASE_READ_URL: database.servingUrl,
      NUXT_REDIS_URL: redis.url,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '1',
    },
  })
})
afterAll(async () => {
  await server.stop()
  await Promise.all([database.drop(), redis.stop(), collector.stop()])
})

const random = () => randomUUID().slice(0, 8)

/**
 * What a person and some devices do, and what nobody should. All of it under names, ids and addresses that
 * were never there before.
 */
async function aDay(): Promise<void> {
  const user = await signUp(server.url, `Organisation ${random()}`)
  const {
    body: { id },
  } = await user.send<{ id: string }>(
    'POST',
    '/api/v1/vehicles',
    { name: random() },
    { headers: { 'idempotency-key': randomUUID() } },
  )
  const identifier = random()
  const device = { name: random(), identifier, vehicleId: id, tokenRequired: false }
  await user.send('POST', '/api/v1/devices', device)
  await user.send('POST', '/api/v1/devices', { name: random(), identifier })
  for (const path of [
    `/api/v1/vehicles/${id}`,
    `/api/v1/vehicles/${id}/positions`,
    `/api/v1/vehicles/${randomUUID()}`,
    `/api/v1/vehicles?search=${random()}`,
    '/api/v1/session',
  ])
    await user.send('GET', path)
  await user.send('PATCH', `/api/v1/vehicles/${id}`, { name: random() })
  await user.send('DELETE', `/api/v1/vehicles/${id}`)
  await user.send('POST', '/api/v1/invitations', { email: `${random()}@example.org`, role: 'viewer' })
  await user.send('GET', '/vehicles', undefined, { headers: { accept: 'text/html' } })
  const stranger = createClient(server.url)
  await stranger.send('POST', '/api/v1/session', {
    email: `${random()}@example.org`,
    password: 'not the password at all',
  })
  await positions(stranger, identifier)
  await nonsense(stranger)
}

async function positions(device: Client, identifier: string) {
  await device.send('GET', `/api/ingest?id=${identifier}&lat=${Math.random()}&lon=${Math.random()}`)
  await device.send('GET', `/api/ingest?id=${identifier}&lat=100&lon=13`)
  await device.send('GET', `/api/ingest?id=${random()}&lat=52&lon=13`)
}

/** Addresses and methods that a scanner makes up. */
async function nonsense(scanner: Client) {
  for (const path of [
    `/${random()}`,
    `/${random()}/${random()}.php`,
    `/api/${random()}`,
    `/api/v1/${random()}`,
    `/api/v1/vehicles/${random()}/${random()}`,
    `/_nuxt/${random()}.js`,
    `/api/v1/vehicles/%00${random()}`,
  ]) {
    await scanner.send('GET', path)
    await scanner.send('GET', path, undefined, { headers: { accept: 'text/html' } })
  }
  for (const method of ['PROPFIND', 'PURGE', 'DELETE', 'OPTIONS']) await scanner.send(method, `/${random()}`)
  await scanner.send('GET', '/sign-in', undefined, {
    headers: {
      'x-request-id': random() + random(),
      'traceparent': 'x',
      'fleet2-consistency': random(),
      'user-agent': random(),
    },
  })
}

/** Every series of the instance, without what Node itself counts of its own resources. */
async function series(): Promise<string[]> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return text
    .split('\n')
    .filter(line => line && !/^(#|nodejs_)/.test(line))
    .map(line => /^\S+?(?:\{.*?\})?(?= )/.exec(line)![0])
    .sort()
}

describe('the series of an instance', () => {
  it('do not grow with its people, their things and the addresses that are asked for', async () => {
    // Its own series are there once it has been asked.
    await series()
    // Each that can be there is there after some days: failures that happen now and then have theirs as well.
    for (let day = 0; day < 3; day++) await aDay()
    await new Promise(resolve => setTimeout(resolve, 1_100))
    const before = await series()
    for (let day = 0; day < 3; day++) await aDay()
    await new Promise(resolve => setTimeout(resolve, 1_100))
    const after = await series()
    expect(after.filter(one => !before.includes(one))).toEqual([])
    // What one instance costs Prometheus: a route has about 17 series for each of its answers.
    expect(after.length).toBeLessThan(1_500)
  })

  it('have labels of few kinds: no id, address, number of a thing or text of a person', async () => {
    const values = (await series()).flatMap(one =>
      [...one.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => ({ name: name!, value: value! })),
    )
    const told = values.filter(
      ({ name, value }) =>
        name !== 'version'
        && name !== 'le'
        && (value.length > 60 || /[0-9a-f]{8}|@|\d{4,}|\s/i.test(value)),
    )
    expect(told).toEqual([])
  })
})
