import { Counter } from 'prom-client'
import { gauge, reading, registry } from './metrics.ts'

/** What is counted of what the job of the retention has done. */
export const retentionCounts = [
  'positions-deleted', 'positions-thinned', 'points-kept', 'days-deleted', 'events-deleted', 'messages-deleted',
  'partitions-dropped',
] as const
export type RetentionCount = (typeof retentionCounts)[number]

const rows = new Counter({
  name: 'fleet2_retention_rows_total',
  help: 'What was thinned and deleted because it was not kept any longer, by this instance',
  labelNames: ['what'] as const,
  registers: [registry],
})
for (const what of retentionCounts) rows.inc({ what }, 0)

/** The job runs every hour, on any instance: what one found longer ago, another knows better. */
const knownMs = 65 * 60_000
let lastRun: { overdueDays: number, at: number } | null = null

const help = 'Days that the oldest positions are past their time, as this instance\'s last run left them; '
  + 'absent an hour after it'
gauge('fleet2_retention_overdue_days', help, [], () => (
  reading(lastRun && performance.now() - lastRun.at < knownMs ? lastRun.overdueDays : null)
))

/** What `server/fleet/history/retention.ts` counts. */
export const retentionMetrics = {
  count(what: RetentionCount, number: number) {
    if (number > 0) rows.inc({ what }, number)
  },
  ran(overdueDays: number) {
    lastRun = { overdueDays, at: performance.now() }
  },
}
