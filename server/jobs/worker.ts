import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Database } from '#server/database/port.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { every, later } from '#server/telemetry/timers.ts'
import { runAsTrace } from '#server/telemetry/tracing.ts'
import { DomainError, TooManyRequestsError, UnavailableError } from '#shared/errors.ts'
import type { JobHandler, RunningJob } from './kind.ts'
import {
  LeaseLostError, completeJob, failJob, handBackJob, queueState, reapJobs, renewLease, takeJobs,
  type Progress, type QueueState, type TakenJob, type TellOfJob,
} from './queue.ts'
import { fireSchedules } from './schedules.ts'

export interface WorkerTimings {
  /** Between two looks for something to do. */
  turnMs: number
  /** An instance that has not renewed its lease for so long has lost the job. */
  leaseSeconds: number
  /** Between two looks at schedules and at leases that have run out. */
  tendMs: number
  /** Between two looks at how the queue stands, for the metrics. */
  countMs: number
}

/**
 * A lease of 15 s: three heartbeats may be missed before another instance begins the job anew. Shorter would
 * take jobs from instances that are only slow; longer would keep people waiting for one that has died.
 */
const standard: WorkerTimings = { turnMs: 1_000, leaseSeconds: 15, tendMs: 5_000, countMs: 15_000 }

/**
 * Two at once: an instance has ten connections to the primary by default, and those are for people first.
 */
const maxAtOnce = 2

/** Past it an attempt has failed: nothing that is asked for in a browser is worth more, and nothing hangs. */
const maxAttemptSeconds = 900

/** A look that takes longer has lost the database: the next one tries again. */
const turnSeconds = 10

/** Handing back is a courtesy: whoever ends does not wait longer, the lease runs out by itself. */
const handBackSeconds = 3

/** The first retry after about 10 s, then three times as long each, up to an hour. */
const firstRetrySeconds = 10
const maxRetrySeconds = 3_600

export const jobOutcomes = ['done', 'retried', 'failed', 'handed-back', 'lost'] as const
export type JobOutcomeName = (typeof jobOutcomes)[number]

export interface WorkerMetrics {
  /** An attempt has ended so, after `seconds`. */
  ended(kind: string, outcome: JobOutcomeName, seconds: number): void
  /** How the queue stood at the last look. */
  counted(state: QueueState): void
}
const noMetrics: WorkerMetrics = { ended() {}, counted() {} }

export interface Worker {
  /** Begins to look for jobs. */
  start(): void
  /** Takes no more from now on, and gives back what it has not finished. Resolves within some seconds. */
  stop(): Promise<void>
  /** Jobs that this instance is running. */
  running(): number
}

interface Attempt {
  job: TakenJob
  abort: AbortController
  work: Promise<void>
}

/** Why an attempt was called off; never shown to anybody. */
class CalledOffError extends Error {}

/** Runs jobs on this instance. Any number of instances may do so on one database. */
export function createWorker({
  database, handlers, instance, log, tell, metrics = noMetrics, mayTake = () => true, timings = {},
}: {
  database: Database
  handlers: readonly JobHandler[]
  instance: string
  log: Logger
  tell: TellOfJob
  metrics?: WorkerMetrics
  /** False: this instance is about to end, and takes nothing more. */
  mayTake?: () => boolean
  /** For tests that would have to wait otherwise. */
  timings?: Partial<WorkerTimings>
}): Worker {
  const { turnMs, leaseSeconds, tendMs, countMs } = { ...standard, ...timings }
  const kinds = handlers.map(({ kind }) => kind.name)
  const handlerOf = new Map(handlers.map(handler => [handler.kind.name, handler]))
  const attempts = new Set<Attempt>()
  const closing = new AbortController()
  let callOff = () => {}
  let turning: Promise<void> = Promise.resolve()
  let tendedAt = -Infinity
  let countedAt = -Infinity

  function within<T>(seconds: number, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return runInContext(backgroundContext('jobs', seconds, signal), work)
  }

  async function turn() {
    const now = performance.now()
    if (now - tendedAt >= tendMs) {
      tendedAt = now
      await within(turnSeconds, () => fireSchedules(database, kinds), closing.signal)
      const reaped = await within(turnSeconds, () => reapJobs(database, tell), closing.signal)
      for (const { id, kind, state } of reaped) {
        log.warn({ job: id, kind }, `The instance that was running a job has lost its lease; the job is ${state}`)
        metrics.ended(kind, state === 'failed' ? 'failed' : 'lost', 0)
      }
    }
    if (now - countedAt >= countMs) {
      countedAt = now
      metrics.counted(await within(turnSeconds, () => queueState(database), closing.signal))
    }
    const limit = maxAtOnce - attempts.size
    if (limit <= 0 || !mayTake() || closing.signal.aborted) return
    const context = backgroundContext('jobs', turnSeconds, closing.signal)
    const taken = await runInContext(context, () => {
      return takeJobs(database, { lease: randomUUID(), kinds, limit, leaseSeconds, instance })
    })
    // What asked for the job was committed before this one was: its reads see at least as much.
    for (const job of taken) begin(job, context.consistencyToken)
  }

  function begin(job: TakenJob, consistencyToken: string | null) {
    const abort = new AbortController()
    const attempt: Attempt = { job, abort, work: Promise.resolve() }
    attempts.add(attempt)
    attempt.work = perform(attempt, consistencyToken)
      .catch(error => log.warn({ err: error, job: job.id, kind: job.kind }, 'A job could not be run to its end; its lease expires'))
      .finally(() => attempts.delete(attempt))
  }

  /** One attempt, from its lease to its end. */
  async function perform({ job, abort }: Attempt, consistencyToken: string | null) {
    const began = performance.now()
    const context = {
      ...backgroundContext(`job ${job.kind}`, maxAttemptSeconds, abort.signal), consistencyToken,
    }
    let progress: Progress | null = null
    let told: Progress | null = null
    let beatAt = began
    let beating: Promise<void> | null = null
    /** Renews the lease in time, and says at most once a second how far it is. */
    const stopBeating = every(Math.min(1_000, leaseSeconds * 250), () => {
      const isDue = performance.now() - beatAt >= leaseSeconds * 1000 / 3
      if (beating || (!isDue && progress === told)) return
      beatAt = performance.now()
      const news = progress === told ? null : progress
      beating = within(leaseSeconds, () => renewLease(database, job, { leaseSeconds, progress: news, tell }))
        .then(() => {
          told = news ?? told
        }, (error: unknown) => {
          if (error instanceof LeaseLostError) abort.abort(new CalledOffError('The job is not ours any more'))
          else log.debug({ err: error, job: job.id }, 'A lease could not be renewed; trying again')
        })
        .finally(() => {
          beating = null
        })
    })
    const endedAs = (outcome: JobOutcomeName) => {
      metrics.ended(job.kind, outcome, (performance.now() - began) / 1000)
    }
    const running: RunningJob = {
      ...job,
      signal: abort.signal,
      progress(done, total = null) {
        progress = { done, total }
      },
    }
    const stopLimit = later(maxAttemptSeconds * 1000, () => abort.abort(new AttemptTooLongError()))
    try {
      await runAsTrace(`job ${job.kind}`, context, async () => {
        const finish = await Promise.race([handlerOf.get(job.kind)!.run(running), calledOff(abort.signal)])
        await completeJob(database, job, { finish, progress, tell })
      })
      endedAs('done')
    }
    catch (error) {
      if (closing.signal.aborted) return endedAs('handed-back')
      const isLost = error instanceof LeaseLostError || abort.signal.reason instanceof CalledOffError
      if (isLost) return endedAs('lost')
      await giveUpOrRetry(job, error, endedAs)
    }
    finally {
      stopBeating()
      stopLimit()
    }
  }

  async function giveUpOrRetry(job: TakenJob, error: unknown, endedAs: (outcome: JobOutcomeName) => void) {
    const { id, kind, attempt, maxAttempts } = job
    const isLast = attempt >= maxAttempts || isUseless(error)
    const retryAfterSeconds = isLast ? null : retrySeconds(attempt)
    log.warn({ err: error, job: id, kind, attempt },
      isLast ? 'A job failed and will not be retried' : 'A job failed and will be retried')
    // Its own time: the attempt's may be what has run out. Not written, the lease runs out.
    await within(turnSeconds * 3, () => {
      return failJob(database, job, { reason: reasonOf(error, id), retryAfterSeconds, tell })
    })
    endedAs(isLast ? 'failed' : 'retried')
  }

  function schedule() {
    if (closing.signal.aborted) return
    // At random, so that instances that were started together do not ask as one.
    callOff = later(turnMs * (0.75 + Math.random() / 2), () => {
      turning = turn()
        .catch(error => log.debug({ err: error }, 'Could not look for jobs; trying again'))
        .finally(schedule)
    })
  }

  return {
    start: schedule,
    running: () => attempts.size,
    async stop() {
      closing.abort()
      callOff()
      await turning
      const mine = [...attempts]
      // The effect of a job that is just being ended comes first or not at all: both name the lease.
      await Promise.all(mine.map(async ({ job, abort }) => {
        abort.abort(new CalledOffError('This instance ends'))
        await within(handBackSeconds, () => handBackJob(database, job, tell)).catch((error: unknown) => {
          log.debug({ err: error, job: job.id }, 'A job was not handed back; its lease expires')
        })
      }))
      await Promise.race([Promise.all(mine.map(({ work }) => work)), pause(handBackSeconds * 1000)])
    },
  }
}

/** Repeating cannot help: the caller's own fault, by the domain's word. */
function isUseless(error: unknown): boolean {
  return error instanceof DomainError
    && !(error instanceof UnavailableError) && !(error instanceof TooManyRequestsError)
}

/** What people read. Drivers' messages may quote values, so only the domain's own are shown. */
function reasonOf(error: unknown, id: string): string {
  if (error instanceof DomainError || error instanceof AttemptTooLongError) return error.message
  return `Something went wrong. Logs have the details, under the job's ID ${id}.`
}

/** Seconds until the next attempt: 10, 30, 90, … up to an hour, and up to a quarter more at random. */
export function retrySeconds(attempt: number): number {
  const seconds = Math.min(maxRetrySeconds, firstRetrySeconds * 3 ** (attempt - 1))
  return seconds * (1 + Math.random() / 4)
}

class AttemptTooLongError extends Error {
  constructor() {
    super(`It took longer than ${maxAttemptSeconds / 60} minutes.`)
  }
}

function calledOff(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

function pause(ms: number) {
  return new Promise(resolve => later(ms, () => resolve(undefined)))
}
