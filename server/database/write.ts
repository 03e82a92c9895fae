import type { Logger } from 'pino'
import { currentContext, momentIn, msUntil, remainingMs, type Moment } from '#server/telemetry/context.ts'
import { IdempotencyMismatchError, UnavailableError } from '#shared/errors.ts'
import type { Breaks } from '#server/config/breaks.ts'
import { parsePosition } from './consistency.ts'
import { AbandonedError, CommitsStalledError, FormerPrimaryError, NotReplicatedError, classify, databaseError, isConnectionError } from './errors.ts'
import type { Monitor } from './monitor.ts'
import { OperationInProgressError, claim, nextOperation, record, renamed, replayQuery, type OperationId, type StoredAnswer } from './operations.ts'
import { createGate, type Passage } from './gate.ts'
import type { Pool } from './pool.ts'
import type { Transaction, WriteOptions } from './port.ts'
import type { RetryReason, RouterMetrics } from './router-metrics.ts'
import type { Seen } from './seen.ts'
import { TransactionError, isAbandoned, runWrite, type Settings, type WriteAttempt } from './transaction.ts'

export interface WriteParts {
  primary: Pool
  monitor: Monitor
  seen: Seen
  metrics: RouterMetrics
  log: Logger
  breaks: Breaks
  /** Writes that may wait at once; past it they are refused at once. */
  mostWaiting: number
}

export interface Write {
  write<T>(settings: Settings, fn: (tx: Transaction) => Promise<T>, options: WriteOptions): Promise<T>
  /** Writes that wait for a connection or for a primary at this moment. */
  waiting(): number
}

/** Outside of a request a write is retried this long: the budget of a failover (specification: under 30 s). */
const jobPatienceMs = 30_000

/** A write waits for a failover until its deadline, but leaves the answer this long to travel. */
const answerMarginMs = 250

/** The record that had just been found was not there when it was read. */
class RecordGoneError extends Error {}

/** The monitor's first look tells the cluster's name; it takes milliseconds, and a write at start-up can wait that long for it. */
const firstLookMs = 1_000

/** Our own lost back end is still at work, or the connection leads to a former primary: then each attempt uses up one of the pooler's old connections. */
const inProgressPauseMs = 150

/** WAL with nothing in it, so that COMMIT has something to wait for: all that was committed before is then on the standby as well. */
const emptyMessage = 'SELECT pg_logical_emit_message(true, \'fleet2\', \'\')'

/** Each write once, until its deadline, on whoever is the primary. */
export function createWrite({ primary, monitor, seen, metrics, log, breaks, mostWaiting }: WriteParts): Write {
  let waiting = 0
  const gate = createGate(Math.max(1, primary.mostParked))
  /** Those that pause, those that wait for the primary to answer the others, and those that wait for a connection. */
  const writesWaiting = () => waiting + gate.waiting() + primary.stats().waiting

  /** One transaction on the primary. Resolves once it is committed on two nodes. */
  async function transact<T>(attempt: Pick<WriteAttempt<T>, 'settings' | 'begin' | 'end' | 'distrust'>, fn: (tx: Transaction) => Promise<T>): Promise<T> {
    const passage = await gate.enter(momentIn(remainingMs(jobPatienceMs) - answerMarginMs), currentContext()?.signal)
    try {
      return await transactNow(attempt, fn, passage)
    }
    finally {
      passage.left()
    }
  }

  async function transactNow<T>(attempt: Pick<WriteAttempt<T>, 'settings' | 'begin' | 'end' | 'distrust'>, fn: (tx: Transaction) => Promise<T>, passage: Passage): Promise<T> {
    const cluster = monitor.cluster() ?? '0'
    const locate = `database_position(${cluster})`
    const { value, after } = await runWrite({
      ...attempt,
      pool: primary,
      begin: [`${locate} AS position`, ...attempt.begin],
      committing: passage.committing,
      check(begun) {
        const position = parsePosition(begun.position!)
        const mayCommit = passage.answered(position.timeline)
        if (!mayCommit) throw new CommitsStalledError()
        if (breaks.has('no-epoch-check')) return
        if (position.role !== 'primary') throw new FormerPrimaryError('it is a replica')
        const { timeline } = monitor.state()
        if (position.timeline < timeline) throw new FormerPrimaryError(`it is on timeline ${position.timeline}, and ${timeline} has begun`)
        if (position.timeline > timeline) monitor.sawPosition(position)
      },
      end: value => [...attempt.end(value), ...breaks.has('async-ack') ? ['SET LOCAL synchronous_commit = local'] : []],
      after: locate,
    }, fn)
    if (after === null) seen.wroteSomewhere()
    else seen.saw(parsePosition(after))
    return value
  }

  /** The answer that the record holds; undefined: there is none. Its row is locked, which is written to WAL: so this COMMIT waits for the standby, and the record with it. */
  async function replay<T>(operation: OperationId): Promise<{ value: T } | undefined> {
    const stored = await transact<StoredAnswer<T> | undefined>({ settings: [], begin: [], end: () => [], distrust: false }, async tx => (await tx.execute<StoredAnswer<T>>(replayQuery(operation))).rows[0])
    if (!stored) return undefined
    if (stored.fingerprint !== operation.fingerprint) throw new IdempotencyMismatchError()
    return { value: stored.result.value as T }
  }

  async function once<T>(settings: Settings, operation: OperationId | null, fn: (tx: Transaction) => Promise<T>, again: boolean): Promise<{ value: T, replayed: boolean }> {
    if (!operation || breaks.has('no-records')) {
      return { value: await transact({ settings, begin: [], end: () => again ? [emptyMessage] : [], distrust: again }, fn), replayed: false }
    }
    try {
      return { value: await transact({ settings, begin: [claim(operation)], end: value => [record(operation, value)], distrust: again }, fn), replayed: false }
    }
    catch (error) {
      const { code } = databaseError(causeOf(error))
      if (code === 'F2001') throw new OperationInProgressError()
      if (code !== 'F2002') throw error
    }
    const stored = await replay<T>(operation)
    // It was there a moment ago: expired just now, or committed on a primary that is no more.
    if (!stored) throw new RecordGoneError('The record is gone')
    return { ...stored, replayed: true }
  }

  async function write<T>(settings: Settings, fn: (tx: Transaction) => Promise<T>, { repeatable = false }: WriteOptions): Promise<T> {
    const context = currentContext()
    let operation = repeatable ? null : nextOperation()
    await monitor.ready(remainingMs(firstLookMs))
    if (writesWaiting() >= mostWaiting) {
      metrics.shed()
      throw unavailable('Too many changes are waiting for the database. Nothing was changed.', undefined)
    }
    const until = momentIn(remainingMs(jobPatienceMs) - answerMarginMs)
    let unknown = false
    for (let attempt = 0; ; attempt++) {
      try {
        const { value, replayed } = await once(settings, operation, fn, unknown)
        if (replayed) {
          metrics.replayed()
          // A repeat inside this very request is not the client's: the answer is the first one as far as it can tell.
          if (!unknown && context) context.replayed = true
        }
        if (unknown) settle(replayed ? 'committed' : 'not-committed', operation)
        metrics.served('primary', 'write')
        return value
      }
      catch (error) {
        const cause = causeOf(error)
        const commitSent = error instanceof TransactionError && error.commitSent
        const inProgress = cause instanceof OperationInProgressError
        if (cause instanceof AbandonedError && !unknown) throw givenUp()
        const outcome = inProgress || cause instanceof RecordGoneError || cause instanceof UnavailableError ? 'not-committed' : classify(cause, commitSent)
        if (databaseError(cause).code === '57014') throw unavailable('The database took too long. Nothing was changed.', cause)
        if (outcome === 'permanent' || breaks.has('no-retry')) throw cause
        if (outcome === 'unknown') {
          if (!unknown) metrics.unknownCommit()
          unknown = true
          if (operation && breaks.has('retry-blindly')) operation = renamed(operation)
        }
        if (cause instanceof FormerPrimaryError || databaseError(cause).code === '25006') primary.beginEpoch()
        if (isConnectionError(cause)) monitor.hurry()
        metrics.retried(reasonOf(cause, outcome))
        log.debug({ err: databaseError(cause), attempt, outcome }, 'A write is tried again')
        const pause = inProgress ? inProgressPauseMs : backoffMs(attempt)
        if (msUntil(until) <= pause) {
          if (unknown) settle('unresolved', operation)
          // Another request of the same client has been at work on it all the time. (Nginx asks a second instance while the first holds the write for a failover: it waits here for the same answer.)
          else if (inProgress) throw cause
          throw unknown
            ? unavailable('The connection to the database was lost before the outcome was known. Repeat the request with the same Idempotency-Key.', cause)
            : unavailable('The database takes no writes at present. Nothing was changed.', cause)
        }
        await holdBack(pause, isConnectionError(cause) ? until : null)
        if (isAbandoned() && !unknown) throw givenUp()
      }
    }

    /** The client's key makes it safe: whoever repeats the request finds that nothing was done. */
    function givenUp() {
      metrics.abandoned()
      return new AbandonedError()
    }

    function settle(how: 'committed' | 'not-committed' | 'unresolved', asked: OperationId | null) {
      metrics.resolved(how)
      log.warn({ outcome: how, sequence: asked?.sequence }, `The link to the database was lost at COMMIT; the write ${how === 'committed' ? 'had been committed' : how === 'not-committed' ? 'had not been committed and was made again' : 'could not be looked for in time'}`)
    }
  }

  /** Waits out the pause; where the link broke, also for the monitor's word that there is a primary, and no longer than `until`. */
  async function holdBack(pause: number, until: Moment | null) {
    waiting++
    const started = performance.now()
    try {
      await new Promise(resolve => setTimeout(resolve, pause))
      // Looked at every second anyway: the monitor may be blind where the pool is not.
      if (until && !monitor.hasPrimary()) await monitor.primaryReturns(Math.max(0, Math.min(1_000, msUntil(until))))
    }
    finally {
      waiting--
      metrics.waited((performance.now() - started) / 1000)
    }
  }

  return { write, waiting: writesWaiting }
}

function causeOf(error: unknown): unknown {
  return error instanceof TransactionError ? error.cause : error
}

function reasonOf(cause: unknown, outcome: string): RetryReason {
  if (cause instanceof FormerPrimaryError) return 'former-primary'
  if (cause instanceof NotReplicatedError) return 'not-replicated'
  if (cause instanceof OperationInProgressError) return 'in-progress'
  if (outcome === 'unknown') return 'unknown-outcome'
  return isConnectionError(cause) || cause instanceof UnavailableError ? 'connection' : 'contention'
}

/** 50 ms doubling to 1 s, each with jitter from its half, so that a crowd of waiting writes does not return as one. */
function backoffMs(attempt: number): number {
  const ceiling = Math.min(1_000, 50 * 2 ** attempt)
  return ceiling / 2 + Math.random() * ceiling / 2
}

function unavailable(detail: string, cause: unknown): UnavailableError {
  return new UnavailableError(detail, { cause, retryAfterSeconds: 2 })
}
