import { lt, sql } from 'drizzle-orm'
import { deleteOldAccountEvents } from '#server/audit/account-log.ts'
import { partitionDaysAhead } from '#server/database/migrate.ts'
import { operations } from '#server/database/schema/operations.ts'
import { recordChange } from '#server/live/changes.ts'
import { auditExport, runAuditExport } from '#server/fleet/exports/audit.ts'
import { fittingHistory, runFittingHistory } from '#server/fleet/history/history.ts'
import { keepWithinTime, retention } from '#server/fleet/history/retention.ts'
import { cleanFiles, fileCleaning } from '#server/fleet/exports/cleaning.ts'
import { deleteOldMessages } from '#server/fleet/ingest/cleaning.ts'
import { deviceReplay, runDeviceReplay } from '#server/fleet/ingest/replay.ts'
import { issuePasswordReset, passwordReset } from '#server/identity/password-reset.ts'
import { deleteEndedRevocations } from '#server/identity/revocations.ts'
import { handle, type JobHandler, type JobKind } from '#server/jobs/kind.ts'
import { deleteOldJobs, forWorkers, type TellOfJob } from '#server/jobs/queue.ts'
import { putSchedule } from '#server/jobs/schedules.ts'
import { createWorker, jobOutcomes } from '#server/jobs/worker.ts'
import { deleteOldMail, mailKind } from '#server/mail/outbox.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { announceJobs, jobMetrics } from '#server/telemetry/job-metrics.ts'
import { retentionMetrics } from '#server/telemetry/retention-metrics.ts'
import { later } from '#server/telemetry/timers.ts'
import type { Services } from './services.ts'

/**
 * A client repeats a request for seconds, a browser's tab that slept for hours: a day covers both (Stripe
 * keeps its keys as long).
 */
const operationsKeptHours = 24

/** A month of jobs to look back on; of the program's own, which run every hour, two days. */
const jobsKept = { ownDays: 2, keptDays: 30 }

const cleaning = (name: string): JobKind<object> => ({ name, maxAttempts: 3 })

/**
 * The program's own, once an hour in the whole installation. Each at its own minute, so that they do not come
 * as one. What an instance does about itself every second (the outbox, leases of sessions) is no job.
 */
const hourly = {
  partitions: cleaning('position-partitions'),
  operations: cleaning('operation-cleaning'),
  revocations: cleaning('revocation-cleaning'),
  accountEvents: cleaning('account-event-cleaning'),
  jobs: cleaning('job-cleaning'),
  files: fileCleaning,
  retention,
  deviceMessages: cleaning('device-message-cleaning'),
}

function handlersOf(services: Services): JobHandler[] {
  const { database } = services
  return [
    handle(hourly.partitions, async () => async (tx) => {
      await tx.execute(sql`SELECT make_position_days_ahead(${partitionDaysAhead})`)
      return null
    }),
    handle(hourly.operations, async () => async (tx) => {
      const before = sql`now() - make_interval(hours => ${operationsKeptHours})`
      const { rowCount } = await tx.delete(operations).where(lt(operations.createdAt, before))
      return { result: { deleted: rowCount } }
    }),
    handle(hourly.revocations, async () => {
      await deleteEndedRevocations(database)
      return null
    }),
    handle(hourly.accountEvents, async () => {
      await deleteOldAccountEvents(database)
      return null
    }),
    handle(hourly.jobs, async () => async (tx) => {
      await deleteOldMail(tx, jobsKept.keptDays)
      return { result: { deleted: await deleteOldJobs(tx, jobsKept) } }
    }),
    handle(hourly.files, () => cleanFiles(services)),
    handle(hourly.retention, job => keepWithinTime({ database, metrics: retentionMetrics }, job)),
    handle(fittingHistory, job => runFittingHistory(services, job)),
    handle(mailKind, job => services.mail.send(job)),
    handle(passwordReset, job => issuePasswordReset(services, job)),
    handle(hourly.deviceMessages, async () => {
      const deleted = await deleteOldMessages(database)
      return async () => ({ result: { deleted } })
    }),
    handle(deviceReplay, job => runDeviceReplay(services, job)),
    handle(auditExport, job => runAuditExport(services, job)),
  ]
}

const tellOfJob: TellOfJob = (tx, organisationId, id, change) => (
  recordChange(tx, organisationId, { type: 'job', id, change })
)

/** Between two attempts at setting up the schedules: the database may be away when an instance starts. */
const setUpPauseMs = 5_000
const setUpSeconds = 30

/** Runs jobs on this instance until it is stopped, and sees to it that the schedules are there. */
export function startJobs(services: Services): { stop(): Promise<void> } {
  const { config, database, health, log } = services
  const handlers = handlersOf(services)
  announceJobs(handlers.map(({ kind }) => kind.name), jobOutcomes)
  const worker = createWorker({
    database, handlers, instance: config.instanceId, log, tell: tellOfJob, metrics: jobMetrics,
    mayTake: () => health.phase() === 'running',
  })
  const stopping = new AbortController()
  let callOff = () => {}

  async function setUp() {
    await runInContext(backgroundContext('schedules', setUpSeconds, stopping.signal), () => (
      forWorkers(database).write(async (tx) => {
        for (const [index, kind] of Object.values(hourly).entries()) {
          await putSchedule(tx, {
            name: kind.name, organisationId: null, kind, input: {}, cron: `${(7 + 8 * index) % 60} * * * *`,
            timeZone: 'UTC',
          })
        }
        return {}
      }, { repeatable: true })
    )).catch((error: unknown) => {
      log.debug({ err: error }, 'Schedules could not be set up; trying again')
      if (!stopping.signal.aborted) callOff = later(setUpPauseMs, () => void setUp())
    })
  }
  void setUp()
  worker.start()
  return {
    async stop() {
      stopping.abort()
      callOff()
      await worker.stop()
    },
  }
}
