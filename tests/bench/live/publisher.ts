import { pino } from 'pino'
import { openDatabase } from '../../../server/database/open.ts'
import { livePositions } from '../../../server/fleet/vehicles/vehicles.ts'
import { publishingAfterCommit, recordChange } from '../../../server/live/changes.ts'
import { createOutbox } from '../../../server/live/outbox.ts'
import { createEvents } from '../../../server/live/events.ts'
import type { RedisConnection } from '../../../server/redis/connection.ts'
import { openRedisClient } from '../../../server/redis/redis.ts'
import { paced, padding } from './pace.ts'

/**
 * The other instance: each event is a committed transaction with its row in the outbox, published after the
 * commit. Only HTTP is left out.
 */
const [servingUrl, connection, organisationId, events, rate] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const log = pino({ level: 'silent' })
const redis = openRedisClient({ ...JSON.parse(connection) as Omit<RedisConnection, 'log'>, log })
const bare = openDatabase({ primaryUrl: servingUrl, replicaUrl: null, maxConnections: 10, log })
const live = createEvents(redis, log)
const outbox = createOutbox({
  database: bare,
  newestPositions: (organisation, ids) => livePositions({ database: bare }, organisation, ids),
  events: live,
  redis,
  log,
})
// Latency counts from the commit on; what is relayed keeps the moment in which its transaction began.
const database = publishingAfterCommit(bare, (entries, token) => {
  for (const { data } of entries)
    (data.position as { t: number }).t = performance.timeOrigin + performance.now()
  outbox.publishEntries(entries, token)
})
outbox.start()

process.on('message', async () => {
  const writes: Promise<unknown>[] = []
  await paced(Number(events), Number(rate), (n, t) => {
    const change = {
      type: 'vehicle' as const,
      id: 'v',
      change: 'updated' as const,
      padding,
      position: { n, t },
    }
    writes.push(database.inOrganisation(organisationId).write(async (tx) => {
      await recordChange(tx, organisationId, change)
      return null
    }, { repeatable: true }))
  })
  await Promise.all(writes)
  process.send!('done')
})
process.send!('ready')
