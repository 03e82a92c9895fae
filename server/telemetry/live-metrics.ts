import { Counter, Gauge } from 'prom-client'
import { registry } from './metrics.ts'

const published = new Counter({ name: 'fleet2_live_events_published_total', help: 'Live events by how far they went: to every instance through Redis, or to this one\'s browsers alone', labelNames: ['path'] as const, registers: [registry] })
const delivered = new Counter({ name: 'fleet2_live_events_delivered_total', help: 'Live events handed to connections of this instance', registers: [registry] })
const duplicates = new Counter({ name: 'fleet2_live_events_duplicate_total', help: 'Live events that came a second time and were dropped', registers: [registry] })
const resyncs = new Counter({ name: 'fleet2_live_resyncs_total', help: 'Connections that were told to fetch their state again, by reason', labelNames: ['reason'] as const, registers: [registry] })
const relayed = new Counter({ name: 'fleet2_outbox_relayed_total', help: 'Outbox rows published by another than the instance that committed them, or later than at once', registers: [registry] })
const thinned = new Counter({ name: 'fleet2_outbox_thinned_total', help: 'Outbox rows that were replaced by a resync of their organisation', registers: [registry] })
const waiting = new Gauge({ name: 'fleet2_outbox_rows', help: 'Rows in the outbox, as of the last look (about every 15 s)', registers: [registry] })
const oldest = new Gauge({ name: 'fleet2_outbox_oldest_seconds', help: 'Age of the oldest row in the outbox, as of the last look', registers: [registry] })

/** What `server/redis/events.ts` counts. */
export const eventMetrics = {
  published: (path: 'redis' | 'this-instance') => published.inc({ path }),
  delivered: (events: number) => delivered.inc(events),
  duplicate: () => duplicates.inc(),
  resync: (reason: 'interrupted' | 'not-resumable' | 'redis-away') => resyncs.inc({ reason }),
}

/** What `server/fleet/outbox.ts` counts. */
export const outboxMetrics = {
  relayed: (rows: number) => relayed.inc(rows),
  thinned: (rows: number) => thinned.inc(rows),
  waiting(rows: number, oldestSeconds: number) {
    waiting.set(rows)
    oldest.set(oldestSeconds)
  },
}
