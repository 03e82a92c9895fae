import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { publishingAfterCommit, recordChange } from '#server/live/changes.ts'
import { createOutbox } from '#server/live/outbox.ts'
import { livePositions } from '#server/fleet/vehicles/vehicles.ts'
import { createEvents, type Events } from '#server/live/events.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startSentinelCluster, type SentinelCluster } from '../support/sentinel.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestDatabase
let database: DatabaseService
let cluster: SentinelCluster
beforeAll(async () => {
  [server, cluster] = await Promise.all([createTestDatabase(), startSentinelCluster()])
  database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 8, log })
})
afterAll(async () => {
  await database.close()
  await cluster.stop()
  await server.drop()
})
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  cluster.heal()
  await cluster.startAll()
  await cluster.whole()
})

async function instance(name: string) {
  const { name: _, ...view } = await cluster.view(name)
  const redis = openRedisClient({ ...view, log })
  await until(() => redis.isUp())
  const events = createEvents(redis, log)
  const outbox = createOutbox({
    database,
    newestPositions: (organisation, ids) => livePositions({ database }, organisation, ids),
    events,
    redis,
    log,
  })
  outbox.start()
  closing.push(() => redis.close(), () => outbox.close())
  return { redis, events, database: publishingAfterCommit(database, outbox.publishEntries) }
}
type Instance = Awaited<ReturnType<typeof instance>>

/** One committed change; its id tells it from the others. */
async function change({ database }: Pick<Instance, 'database'>, organisationId: string) {
  const id = randomUUID()
  await database.inOrganisation(organisationId).write(async (tx) => {
    await recordChange(tx, organisationId, { type: 'vehicle', id, change: 'updated' })
    return {}
  })
  return id
}

/** A browser: what it has heard, in order, `resync` among it. */
async function browser(events: Events, organisationId: string, lastEventId: string | null = null) {
  const heard: string[] = []
  const seen = { lastEventId: lastEventId ?? '' }
  const stop = await events.subscribe(organisationId, lastEventId, {
    onEvents(batch) {
      for (const { id, json } of batch) {
        heard.push((JSON.parse(json) as { id: string }).id)
        if (id) seen.lastEventId = id
      }
    },
    onResync: () => heard.push('resync'),
  })
  closing.push(() => stop())
  return { heard, seen, stop }
}

describe('live events through a failover', () => {
  it('by kill -9 of the master reach browsers on every instance, all of them, and nobody is told twice', async () => {
    const organisationId = uuidv7()
    const [a, b] = [await instance('a'), await instance('b')]
    const [near, far] = [await browser(a.events, organisationId), await browser(b.events, organisationId)]
    const committed: string[] = []
    let going = true
    const load = (async () => {
      for (let n = 0; going; n++) {
        committed.push(await change(n % 2 ? a : b, organisationId))
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    })()
    await until(() => committed.length > 30)
    const old = await cluster.master()
    await old.kill()
    await cluster.newMaster(old)
    await until(() => a.redis.isUp() && b.redis.isUp())
    const after = committed.length
    await until(() => committed.length > after + 30)
    going = false
    await load
    for (const { heard } of [near, far]) {
      await until(() => committed.every(id => heard.includes(id)), 'every event')
      const changes = heard.filter(id => id !== 'resync')
      expect(changes).toHaveLength(new Set(changes).size)
      // What was lost with the old master cannot be known: they were told so.
      expect(heard).toContain('resync')
    }
  })

  it('that forks the stream give whoever saw the lost branch, and whoever did not, a resync instead of a silent gap', async () => {
    const organisationId = uuidv7()
    const [a, b] = [await instance('a'), await instance('b')]
    const [onA, onB] = [await browser(a.events, organisationId), await browser(b.events, organisationId)]
    const early = await change(a, organisationId)
    await until(() => onA.heard.includes(early) && onB.heard.includes(early))
    const before = onB.seen.lastEventId
    // Split brain: the old master and instance a on one side, the rest on the other.
    const old = await cluster.master()
    cluster.isolate(old.name, 'a')
    const lost = await change(a, organisationId)
    await until(() => onA.heard.includes(lost))
    const branch = onA.seen.lastEventId
    await cluster.newMaster(old)
    await until(() => b.redis.isUp())
    const kept = await change(b, organisationId)
    await until(() => onB.heard.includes(kept))
    expect(onB.heard.slice(0, onB.heard.indexOf(kept))).toContain('resync')
    cluster.heal()
    await until(() => onA.heard.includes(kept))
    expect(onA.heard.slice(onA.heard.indexOf(lost), onA.heard.indexOf(kept))).toContain('resync')
    // A browser that was away meanwhile and comes back, from either branch, although ids have only grown.
    for (const id of [before, branch])
      expect((await browser(b.events, organisationId, id)).heard[0]).toBe('resync')
    // What went to the lost branch alone is told again, from the outbox.
    await until(() => onB.heard.includes(lost))
  })

  it('that was planned lose nothing, and a browser that resumes from before it is told to fetch anew', async () => {
    const organisationId = uuidv7()
    const [a, b] = [await instance('a'), await instance('b')]
    const far = await browser(b.events, organisationId)
    const committed = [await change(a, organisationId)]
    await until(() => far.heard.includes(committed[0]!))
    const { lastEventId } = far.seen
    const failover = cluster.failover()
    for (let n = 0; n < 30; n++) {
      committed.push(await change(a, organisationId))
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await failover
    await until(() => committed.every(id => far.heard.includes(id)), 'every event')
    expect((await browser(a.events, organisationId, lastEventId)).heard[0]).toBe('resync')
    // And from where it is now, nothing is missing.
    const now = await change(b, organisationId)
    await until(() => far.heard.includes(now))
    expect((await browser(a.events, organisationId, far.seen.lastEventId)).heard).toEqual([])
  })
})
