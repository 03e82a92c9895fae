import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import type { Database } from '../../../server/database/port.ts'
import { recordChange } from '../../../server/live/changes.ts'
import { handle, type JobHandler, type JobKind } from '../../../server/jobs/kind.ts'
import { createWorker, type WorkerMetrics, type WorkerTimings } from '../../../server/jobs/worker.ts'

/** A job whose effect can be counted: one row, without a key that would hide a second one. */
export const countedKind: JobKind<{ label: string, takesMs: number, steps?: number }> = {
  name: 'counted', maxAttempts: 5,
}

/** A table of the test's own, without row-level security. To be run as the owner. */
export const effectsTable = `CREATE TABLE job_effects (job uuid NOT NULL, label text NOT NULL);
  GRANT SELECT, INSERT ON job_effects TO fleet_serving`

/** Takes as long as it is told, and then has its effect. `begun` is called when it begins. */
export function countedHandler(begun: (label: string) => void = () => {}): JobHandler {
  return handle(countedKind, async (job) => {
    const { label, takesMs, steps = 1 } = job.input
    begun(label)
    for (let step = 1; step <= steps; step++) {
      await new Promise(resolve => setTimeout(resolve, takesMs / steps))
      job.progress(step, steps)
    }
    return async (tx) => {
      await tx.execute(sql`INSERT INTO job_effects VALUES (${job.id}, ${label})`)
      return { result: { label } }
    }
  })
}

/** Quick enough for tests; the proportions are those of the program. */
export const quickly: Partial<WorkerTimings> = { turnMs: 40, leaseSeconds: 2, tendMs: 200, countMs: 200 }

/** A worker as an instance has one. */
export function testWorker(
  database: Database, handlers: JobHandler[],
  { instance = 'app1', metrics, timings = quickly }: {
    instance?: string
    metrics?: WorkerMetrics
    timings?: Partial<WorkerTimings>
  } = {},
) {
  return createWorker({
    database, handlers, instance, metrics, timings, log: pino({ level: 'silent' }),
    tell: (tx, organisationId, id, change) => recordChange(tx, organisationId, { type: 'job', id, change }),
  })
}
