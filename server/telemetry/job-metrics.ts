import { Counter, Histogram } from 'prom-client'
import { gauge, reading, registry } from './metrics.ts'

const ended = new Counter({
  name: 'fleet2_jobs_ended_total',
  help: 'Attempts at jobs that ended on this instance; outcome: done, retried, failed, handed-back, '
    + 'lost (cancelled, or another instance\'s by then)',
  labelNames: ['kind', 'outcome'] as const,
  registers: [registry],
})
const duration = new Histogram({
  name: 'fleet2_job_duration_seconds',
  help: 'Time from when a job was taken to the end of the attempt',
  labelNames: ['kind'] as const,
  buckets: [0.05, 0.25, 1, 5, 15, 60, 300, 900],
  registers: [registry],
})

interface QueueState { queued: number, running: number, failed: number, oldestSeconds: number }

/** Looked at every 15 s. What was found longer ago is not known any more: the database is away. */
const stateKeptMs = 300_000
let lastLook: { state: QueueState, at: number } | null = null
const state = () => lastLook && performance.now() - lastLook.at < stateKeptMs ? lastLook.state : null

const jobsHelp = 'Jobs of all organisations, as of the last look (about every 15 s), absent after 5 '
  + 'minutes without one; state: queued, running, failed (within the last day)'
gauge('fleet2_jobs', jobsHelp, ['state'], () => {
  const now = state()
  if (!now) return []
  return (['queued', 'running', 'failed'] as const).map(one => ({ labels: { state: one }, value: now[one] }))
})
const oldestHelp = 'How long the oldest job has been due, or without the instance that ran it; 0: none is'
gauge('fleet2_jobs_oldest_seconds', oldestHelp, [], () => reading(state()?.oldestSeconds))

/** What `server/jobs/worker.ts` counts. */
export const jobMetrics = {
  ended(kind: string, outcome: string, seconds: number) {
    ended.inc({ kind, outcome })
    duration.observe({ kind }, seconds)
  },
  counted(found: QueueState) {
    lastLook = { state: found, at: performance.now() }
  },
}

/** Begins the series of these kinds at 0: one that began with its first failure would show no increase. */
export function announceJobs(kinds: readonly string[], outcomes: readonly string[]): void {
  for (const kind of kinds) for (const outcome of outcomes) ended.inc({ kind, outcome }, 0)
}
