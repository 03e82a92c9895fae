import { Counter } from 'prom-client'
import { gauge, reading, registry } from './metrics.ts'

const published = new Counter({
  name: 'fleet2_live_events_published_total',
  help: 'Live events published; path: redis (to every instance), this-instance (only to browsers '
    + 'connected to this one)',
  labelNames: ['path'] as const,
  registers: [registry],
})
const delivered = new Counter({
  name: 'fleet2_live_events_delivered_total',
  help: 'Live events delivered to connections of this instance',
  registers: [registry],
})
const duplicates = new Counter({
  name: 'fleet2_live_events_duplicate_total',
  help: 'Duplicate live events that were dropped',
  registers: [registry],
})
const resyncs = new Counter({
  name: 'fleet2_live_resyncs_total',
  help: 'Connections told to refetch their state; reason: interrupted, not-resumable, redis-away',
  labelNames: ['reason'] as const,
  registers: [registry],
})
const relayed = new Counter({
  name: 'fleet2_outbox_relayed_total',
  help: 'Outbox rows published by another instance than the one that committed them, or later than at '
    + 'once',
  registers: [registry],
})
const thinned = new Counter({
  name: 'fleet2_outbox_thinned_total',
  help: 'Outbox rows replaced by a resync of their organisation',
  registers: [registry],
})

/**
 * Looked at about every 15 s, every 200 s where each turn of the outbox waits until it gives up. What was
 * found longer ago is not known any more: the database is away.
 */
const backlogKeptMs = 300_000
let lastLook: { rows: number, oldestSeconds: number, at: number } | null = null
const backlog = () => lastLook && performance.now() - lastLook.at < backlogKeptMs ? lastLook : null
const rowsHelp
  = 'Rows in the outbox, as of the last look (about every 15 s); absent after 5 minutes without one'
gauge('fleet2_outbox_rows', rowsHelp, [], () => reading(backlog()?.rows))
const ageHelp = 'Age of the oldest row in the outbox, as of the last look, absent after 5 minutes '
  + 'without one; more than a minute with Redis up is a fault'
gauge('fleet2_outbox_oldest_seconds', ageHelp, [], () => reading(backlog()?.oldestSeconds))

/** What `server/live/events.ts` counts. */
export const eventMetrics = {
  published: (path: 'redis' | 'this-instance') => published.inc({ path }),
  delivered: (events: number) => delivered.inc(events),
  duplicate: () => duplicates.inc(),
  resync: (reason: 'interrupted' | 'not-resumable' | 'redis-away') => resyncs.inc({ reason }),
}

/** What `server/live/outbox.ts` counts. */
export const outboxMetrics = {
  relayed: (rows: number) => relayed.inc(rows),
  thinned: (rows: number) => thinned.inc(rows),
  waiting(rows: number, oldestSeconds: number) {
    lastLook = { rows, oldestSeconds, at: performance.now() }
  },
}
