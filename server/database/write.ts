import type { Logger } from 'pino'
import { currentContext, momentIn, msUntil, remainingMs, type Moment } from '#server/telemetry/context.ts'
import { IdempotencyMismatchError, StandbyRegionError, UnavailableError } from '#shared/errors.ts'
import type { Breaks } from '#server/config/breaks.ts'
import { locating, parseWalPosition } from './consistency.ts'
import {
  AbandonedError,
  BehindError,
  CommitsStalledError,
  FormerPrimaryError,
  NotReplicatedError,
  classify,
  databaseError,
  isConnectionError,
  type Outcome,
} from './errors.ts'
import type { Monitor } from './monitor.ts'
import {
  OperationInProgressError,
  claim,
  nextOperation,
  record,
  renamed,
  replayQuery,
  type OperationId,
  type StoredAnswer,
} from './operations.ts'
import { createGate, type Passage } from './gate.ts'
import type { Pool } from './pool.ts'
import type { Along, Transaction, WriteOptions } from './port.ts'
import type { RetryReason } from '#server/telemetry/database-metrics.ts'
import type { RouterMetrics } from './router-metrics.ts'
import type { Scout } from './scout.ts'
import type { Seen } from './seen.ts'
import { isAbandoned } from './guard.ts'
import { attemptSpan, transactionSpan, type AttemptSpan } from './spans.ts'
import { TransactionError, runWrite, type Settings, type WriteAttempt } from './transaction.ts'
import type { Visibility } from './visible.ts'

export interface WriteParts {
  primary: Pool
  monitor: Monitor
  seen: Seen
  visibility: Visibility
  scout: Scout
  metrics: RouterMetrics
  log: Logger
  breaks: Breaks
  /** Writes that may wait at once; past it they are refused at once. */
  maxWaiting: number
  /** The address of the region that takes changes, while this one only follows it; null: this is the one. */
  standbyOf(): string | null
}

type Work<T> = (tx: Transaction) => Promise<T>
type Attempt<T> = Pick<WriteAttempt<T>, 'settings' | 'begin' | 'end' | 'distrust'> & { along: Along | null }

export interface Write {
  write<T>(settings: Settings, fn: (tx: Transaction) => Promise<T>, options: WriteOptions): Promise<T>
  /** Writes that wait for a connection or for a primary at this moment. */
  waiting(): number
}

/**
 * Outside of a request a write is retried this long: the budget of a failover (specification: under 30 s).
 */
const jobPatienceMs = 30_000

/** A write waits for a failover until its deadline, but leaves the answer this long to travel. */
const answerMarginMs = 250

/** The record that had just been found was not there when it was read. */
class RecordMissingError extends Error {}

/** The record is there, and its answer could not be had. */
class ReplayError extends Error {}

/**
 * The monitor's first look tells the cluster's name; it takes milliseconds, and a write at start-up can wait
 * that long for it.
 */
const firstLookMs = 1_000

/**
 * Our own lost back end is still at work, or the connection leads to a former primary: then each attempt uses
 * up one of the pooler's old connections.
 */
const inProgressPauseMs = 150

/**
 * What failed needs a moment to be something else. What a replica shows already is visible on the primary
 * within milliseconds.
 */
const firstPauseMs = 50
const behindPauseMs = 10

/**
 * WAL with nothing in it, so that COMMIT has something to wait for: all that was committed before is then on
 * the standby as well.
 */
const emptyMessage = 'SELECT pg_logical_emit_message(true, \'fleet2\', \'\')'

/** Each write once, until its deadline, on whoever is the primary. */
export function createWrite({
  primary, monitor, seen, visibility, scout, metrics, log, breaks, maxWaiting, standbyOf,
}: WriteParts): Write {
  let waiting = 0
  const gate = createGate(breaks.has('commits-pile-up') ? Infinity : Math.max(1, primary.maxParked))
  /**
   * Those that pause, those that wait for the primary to answer the others, and those that wait for a
   * connection.
   */
  const writesWaiting = () => waiting + gate.waiting() + primary.stats().waiting

  /** One transaction on the primary. Resolves once it is committed on two nodes. */
  async function transact<T>(attempt: Attempt<T>, fn: Work<T>, number: number): Promise<T> {
    const passage = await gate.enter(
      momentIn(remainingMs(jobPatienceMs) - answerMarginMs),
      currentContext()?.signal,
    )
    try {
      return await attemptSpan(primary.name, number, span => transactNow(attempt, fn, passage, span))
    }
    finally {
      passage.left()
    }
  }

  async function transactNow<T>(
    { along, ...attempt }: Attempt<T>, fn: Work<T>, passage: Passage, span: AttemptSpan,
  ): Promise<T> {
    const { locate, also } = locating(monitor.cluster())
    // What is written is judged by what the caller has seen: the primary must have it, and show it.
    const token = breaks.has('ignore-tokens') ? null : seen.wanted()
    let timeline = 0
    const { value, after } = await runWrite(
      {
        ...attempt,
        pool: primary,
        lateAnswer: breaks.has('slow-is-silent'),
        begin: [
          `${locate} AS position`, ...also, ...(token ? visibility.ask(token) : []), ...attempt.begin,
          ...(along ? [`${along.expression} AS along`] : []),
        ],
        committing(cut) {
          const leaveGate = passage.committing()
          const leaveScout = scout.committing(timeline, cut)
          return (answered) => {
            leaveScout()
            leaveGate(answered)
          }
        },
        async check(begun) {
          if (begun.cluster) monitor.metCluster(begun.cluster)
          const position = parseWalPosition(begun.position!)
          timeline = position.timeline
          span.answeredBy(position.role)
          const mayCommit = passage.answered(position.timeline)
          if (!mayCommit) throw new CommitsStalledError()
          if (!breaks.has('no-epoch-check')) {
            if (position.role !== 'primary') throw new FormerPrimaryError('it is a replica')
            const newest = Math.max(monitor.state().timeline, token?.timeline ?? 0)
            if (position.timeline < newest)
              throw new FormerPrimaryError(`it is on timeline ${position.timeline}, and ${newest} has begun`)
            if (position.timeline > monitor.state().timeline) monitor.observeWalPosition(position)
          }
          if (token && !(await visibility.shows(token, position, begun))) throw new BehindError('token')
          along?.answered(begun.along ?? null)
        },
        end: value => [
          ...attempt.end(value),
          ...(breaks.has('async-ack') ? ['SET LOCAL synchronous_commit = local'] : []),
        ],
        after: locate,
      },
      fn,
    )
    if (after === null) seen.wroteSomewhere()
    else seen.saw(parseWalPosition(after), token)
    return value
  }

  /**
   * The answer that the record holds; undefined: there is none. An empty message goes with it into WAL: so
   * this COMMIT waits for the standby, and the record, which stands before it, is there then.
   */
  async function replay<T>(
    operation: OperationId, along: Along | null, number: number,
  ): Promise<{ value: T } | undefined> {
    const attempt = { settings: [], begin: [], end: () => [emptyMessage], distrust: false, along }
    const stored = await transact<StoredAnswer<T> | undefined>(attempt, async tx => (
      (await tx.execute<StoredAnswer<T>>(replayQuery(operation))).rows[0]
    ), number)
    if (!stored) return undefined
    if (stored.fingerprint !== operation.fingerprint) throw new IdempotencyMismatchError()
    return { value: stored.result.value as T }
  }

  async function once<T>(
    settings: Settings, operation: OperationId | null, fn: Work<T>, again: boolean, along: Along | null,
    number: number,
  ): Promise<{ value: T, replayed: boolean }> {
    if (!operation || breaks.has('no-records')) {
      const attempt = { settings, begin: [], end: () => again ? [emptyMessage] : [], distrust: again, along }
      return { value: await transact(attempt, fn, number), replayed: false }
    }
    try {
      const attempt: Attempt<T> = {
        settings, begin: [claim(operation)], end: value => [record(operation, value)], distrust: again, along,
      }
      return { value: await transact(attempt, fn, number), replayed: false }
    }
    catch (error) {
      const { code } = databaseError(causeOf(error))
      if (code === 'F2001') throw new OperationInProgressError()
      if (code !== 'F2002') throw error
    }
    // Whoever is told what was done must still be the one who may be told.
    const asker = along?.isWanted() ? along : null
    const stored = await replay<T>(operation, asker, number).catch((error: unknown) => {
      throw error instanceof IdempotencyMismatchError
        ? error
        : new ReplayError('The record was found and not read', { cause: error })
    })
    // It was there a moment ago: expired just now, or committed on a primary that is no more.
    if (!stored) throw new RecordMissingError('The record is gone')
    return { ...stored, replayed: true }
  }

  async function write<T>(
    settings: Settings,
    fn: (tx: Transaction) => Promise<T>,
    { repeatable = false, along = null }: WriteOptions,
  ): Promise<T> {
    const context = currentContext()
    const isFirst = !context?.writes
    let operation = repeatable ? null : nextOperation()
    /** An attempt of ours was lost at COMMIT. */
    let unknown = false
    /**
     * Under the same id something has been done, or was at work: an attempt of ours, or the same request on
     * another instance.
     */
    let met = false
    await monitor.ready(remainingMs(firstLookMs))
    // Nobody is about to take over: waiting, as for a failover, would be for nothing.
    const elsewhere = standbyOf()
    if (elsewhere !== null) throw new StandbyRegionError(elsewhere)
    if (writesWaiting() >= maxWaiting) {
      metrics.shed()
      throw refusal('Too many changes are waiting for the database.', undefined)
    }
    const until = momentIn(remainingMs(jobPatienceMs) - answerMarginMs)
    for (let attempt = 0; ; attempt++) {
      try {
        const { value, replayed } = await once(settings, operation, fn, unknown, along, attempt + 1)
        if (replayed) {
          metrics.replayed()
          // A repeat inside this very request is not the client's: the answer is the first one as far as it
          // can tell.
          if (!unknown && context) context.replayed = true
        }
        if (unknown) settle(replayed ? 'committed' : 'not-committed', operation)
        metrics.served('primary', 'write')
        return value
      }
      catch (error) {
        const cause = causeOf(error)
        const inProgress = cause instanceof OperationInProgressError
        // Nobody is left to be told; whoever repeats it finds out.
        if (cause instanceof AbandonedError) throw givenUp()
        met ||= inProgress || cause instanceof RecordMissingError || error instanceof ReplayError
        const outcome
          = inProgress
            || cause instanceof RecordMissingError
            || cause instanceof BehindError
            || cause instanceof UnavailableError
            ? 'not-committed'
            : outcomeOf(error)
        if (databaseError(cause).code === '57014') throw refusal('The database took too long.', cause)
        if (outcome === 'permanent' || breaks.has('no-retry')) {
          // Judged by the database once it had said that there is no record: the first attempt has not been
          // committed.
          if (unknown) settle(operation ? 'not-committed' : 'unresolved', operation)
          throw cause
        }
        if (outcome === 'unknown') {
          if (!unknown) metrics.unknownCommit()
          unknown = true
          if (operation && breaks.has('retry-blindly')) operation = renamed(operation)
        }
        if (cause instanceof FormerPrimaryError || databaseError(cause).code === '25006') {
          primary.beginEpoch()
          scout.metFormer()
        }
        if (isConnectionError(cause)) monitor.refreshSoon()
        metrics.retried(reasonOf(cause, outcome))
        log.debug({ err: databaseError(cause), attempt, outcome }, 'A write is retried')
        const pause = inProgress
          ? inProgressPauseMs
          : backoffMs(attempt, cause instanceof BehindError ? behindPauseMs : firstPauseMs)
        if (msUntil(until) <= pause) {
          // Another request of the same client has been at work on it all the time. (Nginx asks a second
          // instance while the first holds the write for a failover: it waits here for the same answer.)
          if (inProgress && !unknown) throw cause
          throw refusal(
            unknown
              ? 'The connection to the database was lost before the outcome was known.'
              : 'The database does not accept writes right now.',
            cause,
          )
        }
        await holdBack(pause, isConnectionError(cause) ? until : null)
        if (isAbandoned()) throw givenUp()
      }
    }

    /** The client's key makes it safe: whoever repeats the request finds what was done. */
    function givenUp() {
      if (unknown) settle('unresolved', operation)
      else metrics.abandoned()
      return new AbandonedError()
    }

    /**
     * The write is not tried any more. Says of its outcome what is certain and no more: that nothing was
     * changed only where no attempt under the same id could have changed anything.
     */
    function refusal(why: string, cause: unknown): UnavailableError {
      if (unknown) settle('unresolved', operation)
      if (breaks.has('deny-unknown')) return unavailable(`${why} Nothing was changed.`, cause)
      const keyed = operation?.fromClient ?? false
      const advice = keyed
        ? 'Repeat the request with the same Idempotency-Key: it is applied only once.'
        : 'Check whether it was made before you repeat it.'
      if (unknown || met)
        return unavailable(
          `${why} It is not known yet whether the change was made. ${operation ? advice : 'Repeat it: it is applied only once.'}`,
          cause,
          'unresolved',
        )
      // The same request may be at work on another instance, or may have been before.
      if (keyed) return unavailable(`${why} ${advice}`, cause)
      return unavailable(isFirst ? `${why} Nothing was changed.` : why, cause)
    }

    function settle(how: 'committed' | 'not-committed' | 'unresolved', asked: OperationId | null) {
      metrics.resolved(how)
      log.warn(
        { outcome: how, sequence: asked?.sequence },
        `The connection to the database was lost at COMMIT; the write ${how === 'committed' ? 'had been committed' : how === 'not-committed' ? 'had not been committed and was made again' : 'could not be looked for in time'}`,
      )
    }
  }

  /**
   * Waits out the pause; where the link broke, also for the monitor's word that there is a primary, and no
   * longer than `until`.
   */
  async function holdBack(pause: number, until: Moment | null) {
    waiting++
    const started = performance.now()
    try {
      await new Promise(resolve => setTimeout(resolve, pause))
      // Looked at every second anyway: the monitor may be blind where the pool is not.
      if (until && !monitor.hasPrimary())
        await monitor.waitForPrimary(Math.max(0, Math.min(1_000, msUntil(until))))
    }
    finally {
      waiting--
      metrics.waited((performance.now() - started) / 1000)
    }
  }

  return {
    write: (settings, fn, options) => transactionSpan('write', () => write(settings, fn, options)),
    waiting: writesWaiting,
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof TransactionError || error instanceof ReplayError ? causeOf(error.cause) : error
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof TransactionError) return classify(error.cause, error.commitSent)
  // At the COMMIT of a replay nothing is at stake: the record stays what it is.
  if (error instanceof ReplayError)
    return outcomeOf(error.cause) === 'permanent' ? 'permanent' : 'not-committed'
  return classify(error, false)
}

function reasonOf(cause: unknown, outcome: string): RetryReason {
  if (cause instanceof FormerPrimaryError) return 'former-primary'
  if (cause instanceof NotReplicatedError) return 'not-replicated'
  if (cause instanceof OperationInProgressError) return 'in-progress'
  if (cause instanceof BehindError) return 'behind'
  if (outcome === 'unknown') return 'unknown-outcome'
  return isConnectionError(cause) || cause instanceof UnavailableError ? 'connection' : 'contention'
}

/**
 * `first` doubling to 1 s, each with jitter from its half, so that a crowd of waiting writes does not return
 * as one.
 */
function backoffMs(attempt: number, first: number): number {
  const ceiling = Math.min(1_000, first * 2 ** attempt)
  return ceiling / 2 + Math.random() * ceiling / 2
}

function unavailable(detail: string, cause: unknown, type?: string): UnavailableError {
  return new UnavailableError(detail, { cause, retryAfterSeconds: 2, type })
}
