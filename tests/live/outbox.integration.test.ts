import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { organisations } from '#server/database/schema/identity.ts'
import { publishingAfterCommit, recordChange } from '#server/live/changes.ts'
import { createOutbox, type Outbox } from '#server/live/outbox.ts'
import { createVehicle, livePositions } from '#server/fleet/vehicles/vehicles.ts'
import { createEvents, type Events } from '#server/live/events.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { VehicleCreate } from '#shared/vehicles.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestDatabase
let redisServer: TestRedis
let bare: DatabaseService
let organisationId: string
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  [server, redisServer] = await Promise.all([createTestDatabase(), startRedis()])
  bare = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 8, log })
})
beforeEach(async () => {
  organisationId = uuidv7()
  await bare.inOrganisation(organisationId).write(async (tx) => {
    await tx.insert(organisations).values({ id: organisationId, name: 'Outbox' })
    return {}
  })
})
// Each test's instances end with it: they would take the next one's rows to another Redis.
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(async () => {
  await bare.close()
  await redisServer.stop()
  await server.drop()
})

/** One instance: its Redis client, events and outbox. */
function instance({
  redis = openRedisClient({ url: redisServer.url, sentinels: [], sentinelName: '', log }) as RedisPort,
} = {}) {
  const counts = { relayed: 0, thinned: 0, duplicates: 0 }
  const events = createEvents(redis, log, {
    published() {},
    delivered() {},
    duplicate: () => void counts.duplicates++,
    resync() {},
  })
  const outbox = createOutbox({
    database: bare,
    newestPositions: (organisation, ids) => livePositions({ database: bare }, organisation, ids),
    events,
    redis,
    log,
    metrics: {
      relayed: rows => void (counts.relayed += rows),
      thinned: rows => void (counts.thinned += rows),
      waiting() {},
    },
  })
  closing.push(
    () => outbox.close(),
    () => redis.close(),
  )
  return { redis, events, outbox, counts, database: publishingAfterCommit(bare, outbox.publishEntries) }
}

/** What a browser of this organisation hears. */
async function listen(events: Events) {
  const heard: { name: string, data: Record<string, unknown> }[] = []
  const resyncs: string[] = []
  const stop = await events.subscribe(organisationId, null, {
    onEvents: batch =>
      heard.push(
        ...batch.map(({ name, json }) => ({ name, data: JSON.parse(json) as Record<string, unknown> })),
      ),
    onResync: reason => resyncs.push(reason),
  })
  closing.unshift(async () => stop())
  return { heard, resyncs }
}

const rows = async () =>
  (
    await server.asOwner<{ n: number }>('SELECT count(*)::int AS n FROM outbox WHERE organisation_id = $1', [
      organisationId,
    ])
  )[0]!.n
const makeDue = () =>
  server.asOwner('UPDATE outbox SET due_at = now() WHERE organisation_id = $1', [organisationId])
const makeSecret = () => 'secret'

const addVan = (database: DatabaseService, organisationId: string, name: string) =>
  createVehicle({ database, makeSecret }, organisationId, VehicleCreate.parse({ name, kind: 'van' }))

describe('the outbox', () => {
  it('tells of a committed change at once and on every instance, and is empty again afterwards', async () => {
    const [here, there] = [instance(), instance()]
    here.outbox.start()
    const [near, far] = [await listen(here.events), await listen(there.events)]
    const vehicle = await addVan(here.database, organisationId, 'Told')
    await until(() => near.heard.length === 1 && far.heard.length === 1)
    expect(far.heard[0]).toMatchObject({
      name: 'changed',
      data: { type: 'vehicle', id: vehicle.id, change: 'created' },
    })
    await until(async () => await rows() === 0, 'the outbox to be settled')
  })

  it('keeps a row until its event would survive a failover: not on the word of a master whose replicas are cut off, nor of another one than has taken it', async () => {
    const real = openRedisClient({ url: redisServer.url, sentinels: [], sentinelName: '', log }) as RedisPort
    // As Redis says it: another master by now, and then the one that has taken the event, without its
    // replicas and with them.
    const { run: thisRun } = await real.replication()
    let run = 'the next master'
    let acknowledged = 7
    let looks = 0
    const redis: RedisPort = {
      ...real,
      async replication() {
        looks++
        return { run, offset: 7, acknowledged, replicas: [] }
      },
    }
    const here = instance({ redis })
    const { heard } = await listen(here.events)
    const before = await addVan(here.database, organisationId, 'Before')
    await until(() => heard.some(({ data }) => data.id === before.id))
    here.outbox.start()
    await until(() => looks > 1)
    expect(await rows()).toBe(1)
    run = thisRun
    await until(async () => (await rows()) === 0, 'it to be published on the present run, and settled')
    expect(here.counts.relayed).toBeGreaterThan(0)
    acknowledged = 0
    await addVan(here.database, organisationId, 'After')
    looks = 0
    await until(() => looks > 1, 'two looks at the replicas')
    expect(await rows()).toBe(1)
    acknowledged = 7
    await until(async () => (await rows()) === 0, 'it to be settled')
  })

  it('tells nothing of a change that is rolled back', async () => {
    const { database, events } = instance()
    const { heard } = await listen(events)
    await expect(database.inOrganisation(organisationId).write(async (tx) => {
      await recordChange(tx, organisationId, { type: 'vehicle', id: randomUUID(), change: 'created' })
      throw new Error('rolled back')
    })).rejects.toThrow('rolled back')
    await database.inOrganisation(organisationId).write(async (tx) => {
      await recordChange(tx, organisationId, { type: 'vehicle', id: randomUUID(), change: 'updated' })
      return {}
    })
    await until(() => heard.length > 0)
    expect(heard.map(({ data }) => data.change)).toEqual(['updated'])
  })

  it('of an instance that ended between its commit and the telling is told by another', async () => {
    // The bare database commits and tells nobody, as a process does that is killed at that moment.
    await bare.inOrganisation(organisationId).write(async (tx) => {
      await recordChange(tx, organisationId, { type: 'device', id: randomUUID(), change: 'updated' })
      return {}
    })
    await makeDue()
    const other = instance()
    const { heard } = await listen(other.events)
    other.outbox.start()
    await until(() => heard.length === 1)
    await until(async () => await rows() === 0)
    expect(other.counts.relayed).toBeGreaterThan(0)
  })

  it('is told once, however many instances look at it and however often it is published', async () => {
    const instances: { outbox: Outbox, events: Events, counts: { duplicates: number } }[] = [
      instance(),
      instance(),
      instance(),
    ]
    const { heard } = await listen(instances[0]!.events)
    await bare.inOrganisation(organisationId).write(async (tx) => {
      for (let n = 0; n < 50; n++)
        await recordChange(tx, organisationId, { type: 'vehicle', id: randomUUID(), change: 'updated' })
      return {}
    })
    await makeDue()
    for (const { outbox } of instances) outbox.start()
    await until(() => heard.length >= 50)
    // As if whoever published them had died before it could delete them.
    await makeDue()
    await until(async () => await rows() === 0)
    await instances[0]!.events.publish({
      eventId: 'end',
      organisationId,
      name: 'changed',
      data: { type: 'vehicle', id: 'end', change: 'updated' },
    })
    await until(() => heard.some(({ data }) => data.id === 'end'))
    expect(new Set(heard.map(({ data }) => data.id)).size).toBe(51)
    expect(heard).toHaveLength(51)
  })

  it('tells of positions with the place that the vehicle has when it is told', async () => {
    const { database, events, outbox } = instance()
    const vehicle = await addVan(database, organisationId, 'Placed')
    await server.asOwner(
      'INSERT INTO vehicle_states (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude) VALUES ($1, $2, $3, now(), now(), 52.5, 13.4)',
      [vehicle.id, organisationId, randomUUID()],
    )
    await server.asOwner(
      'INSERT INTO outbox (id, organisation_id, name, data, due_at) VALUES ($1, $2, \'positions\', $3, now())',
      [randomUUID(), organisationId, { vehicleIds: [vehicle.id] }],
    )
    const { heard } = await listen(events)
    outbox.start()
    await until(() => heard.some(({ name }) => name === 'positions'))
    expect(heard.find(({ name }) => name === 'positions')!.data).toMatchObject({
      positions: [{ vehicleId: vehicle.id, latitude: 52.5 }],
    })
  })
})

describe('with Redis away', () => {
  it('browsers of this instance are told at once, those of others when Redis is back, and nobody twice', async () => {
    const own = await startRedis()
    const open = () =>
      instance({ redis: openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log }) })
    const [here, there] = [open(), open()]
    const [near, far] = [await listen(here.events), await listen(there.events)]
    here.outbox.start()
    await own.kill()
    await addVan(here.database, organisationId, 'Near')
    await until(() => near.heard.length === 1)
    expect(here.events.isLive()).toBe(false)
    expect(far.heard).toEqual([])
    await own.start()
    await makeDue()
    await until(() => far.heard.length === 1)
    await until(async () => (await rows()) === 0)
    expect(near.heard).toHaveLength(1)
    closing.push(() => own.stop())
  })

  it('ten thousand rows of an organisation become one resync, so that the outbox does not grow for as long as Redis is away', async () => {
    const own = await startRedis()
    const here = instance({ redis: openRedisClient({ url: own.url, sentinels: [], sentinelName: '', log }) })
    const { heard } = await listen(here.events)
    await own.kill()
    const insert = () =>
      server.asOwner(
        'INSERT INTO outbox (id, organisation_id, name, data, due_at) SELECT gen_random_uuid(), $1, \'positions\', \'{"vehicleIds": []}\', now() FROM generate_series(1, 10500)',
        [organisationId],
      )
    await insert()
    here.outbox.start()
    await until(async () => (await rows()) === 1, 'the rows to be thinned out')
    await insert()
    await until(async () => (await rows()) === 1, 'the next ones too')
    await own.start()
    await until(() => heard.some(({ name }) => name === 'resync'))
    await until(async () => (await rows()) === 0)
    closing.push(() => own.stop())
  })
})
