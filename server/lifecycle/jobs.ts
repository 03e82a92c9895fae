import { lt, sql } from 'drizzle-orm'
import { deleteOldAccountEvents } from '#server/audit/account-log.ts'
import { partitionMonthsAhead } from '#server/database/migrate.ts'
import { operations } from '#server/database/schema/operations.ts'
import { deleteEndedRevocations } from '#server/identity/revocations.ts'
import { backgroundContext } from '#server/telemetry/context.ts'
import { runAsTrace } from '#server/telemetry/tracing.ts'
import { every, later } from '#server/telemetry/timers.ts'
import type { Services } from './services.ts'

interface Job {
  name: string
  everyMs: number
  run(services: Services): Promise<string | null>
}

const hourMs = 3_600_000

/** Through a failover (specification: under 30 s), and not longer: it is tried again within the hour. */
const jobSeconds = 60

/**
 * A client repeats a request for seconds, a browser's tab that slept for hours: a day covers both (Stripe
 * keeps its keys as long).
 */
const operationsKeptHours = 24

/** Every instance runs them; each is harmless to run twice at once. */
const jobs: Job[] = [
  {
    name: 'position partitions',
    everyMs: hourMs,
    async run({ database }) {
      const made = await database.write(async (tx) => {
        const { rows } = await tx.execute<{ made: number }>(
          sql`SELECT make_position_partitions(${partitionMonthsAhead}) AS made`,
        )
        return rows[0]!.made
      }, { repeatable: true })
      return made ? `${made} made` : null
    },
  },
  {
    name: 'old idempotency records',
    everyMs: hourMs,
    async run({ database }) {
      const gone = await database.write(
        async tx =>
          (
            await tx
              .delete(operations)
              .where(lt(operations.createdAt, new Date(Date.now() - operationsKeptHours * hourMs)))
          ).rowCount ?? 0,
        { repeatable: true },
      )
      return gone ? `${gone} deleted` : null
    },
  },
  {
    name: 'ended session revocations',
    everyMs: hourMs,
    async run({ database }) {
      const gone = await deleteEndedRevocations(database)
      return gone ? `${gone} deleted` : null
    },
  },
  {
    name: 'old account events',
    everyMs: hourMs,
    async run({ database }) {
      const gone = await deleteOldAccountEvents(database)
      return gone ? `${gone} deleted` : null
    },
  },
]

/**
 * Runs the jobs at their intervals, each at its own random moment, so that instances started together do not
 * work together.
 */
export function startJobs(services: Services): { stop(): Promise<void> } {
  const { log } = services
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  const timers = jobs.map((job) => {
    const turn = () => {
      const context = backgroundContext(job.name, jobSeconds, stopping.signal)
      const work: Promise<void> = runAsTrace(`job ${job.name}`, context, () => job.run(services))
        .then(
          result => result && log.info(`Job ${job.name}: ${result}`),
          error => log.warn({ err: error }, `Job ${job.name} failed and is tried again later`),
        )
        .then(() => void running.delete(work))
      running.add(work)
    }
    return [later(Math.random() * 60_000, turn), every(job.everyMs * (0.9 + Math.random() * 0.2), turn)]
  })
  return {
    async stop() {
      for (const callOff of timers.flat()) callOff()
      // What waits for the database to come back does not hold up the end.
      stopping.abort()
      await Promise.all(running)
    },
  }
}
