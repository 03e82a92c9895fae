import type { Logger } from 'pino'
import { currentContext, remainingMs } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import type { Breaks } from '#server/config/breaks.ts'
import type { Circuit } from './circuit.ts'
import { hasSeen, locating, parseWalPosition, type WalPosition, type Token } from './consistency.ts'
import {
  AbandonedError,
  PoolerUnresponsiveError,
  BehindError,
  PoolExhaustedError,
  FormerPrimaryError,
  InconclusiveError,
  PoolUnresponsiveError,
  classify,
  databaseError,
  isConnectionError,
} from './errors.ts'
import type { Monitor } from './monitor.ts'
import type { Pool } from './pool.ts'
import type { Along, Consistency, ReadOptions, Transaction } from './port.ts'
import type { RouterMetrics } from './router-metrics.ts'
import type { Seen } from './seen.ts'
import { isAbandoned } from './guard.ts'
import { attemptSpan, transactionSpan, type AttemptSpan } from './spans.ts'
import { TransactionError, runRead, statementTimeoutMs, type Settings } from './transaction.ts'
import type { Visibility } from './visible.ts'

export interface ReadParts {
  primary: Pool
  replica: Pool | null
  circuit: Circuit
  monitor: Monitor
  seen: Seen
  visibility: Visibility
  metrics: RouterMetrics
  log: Logger
  breaks: Breaks
  lagLimitSeconds: number
}

/**
 * A replica that has not answered BEGIN by then is taken for dead: some other server has answered a hundred
 * reads meanwhile.
 */
const replicaAnswerMs = 1_000

/**
 * Until the primary has given a connection and a first answer, where there is a replica to ask instead:
 * better its data with their age than
 * a primary that has vanished (a pooler holds BEGIN for as long as it may). Far below Nginx's 2 s, after
 * which it would ask another instance the same: a request makes several reads.
 */
const primaryAnswerMs = 800

/**
 * The same for who comes within so long after somebody has waited in vain: a page makes several reads, and a
 * vanished primary is waited for once.
 */
const doubtMs = 2_000
const doubtedAnswerMs = 200

/**
 * How long a read waits for a server that has what the caller has seen, or for any server at all, before it
 * makes do: long enough for a replica to
 * replay what is under way and for a connection to be made anew, short enough for somebody who looks at a
 * page. Once a request: one that makes three reads would
 * take longer than Nginx waits (2 s), and wait for the same at the next instance.
 */
const patienceMs = 1_000
const pauseMs = 25

/** A commit that has just stopped waiting for its standby needs a moment to become visible. */
const visibleAfterMs = 5

type Work<T> = (tx: Transaction) => Promise<T>

/** One attempt: what the answer has to show, and how long the first word of it may take. */
interface How { token: Token | null, anyAge: boolean, answerMs: number, along: Along | null }

/**
 * Reads go to a replica that has what the caller has seen, else to the primary; with neither, to a replica
 * with its age.
 */
export function createRead(parts: ReadParts) {
  const { primary, replica, circuit, monitor, seen, visibility, metrics, log, breaks, lagLimitSeconds }
    = parts
  let primaryInDoubtUntil = 0

  /** One attempt on one pool. `anyAge`: the data may be older than what the caller has seen, and say so. */
  async function attempt<T>(
    pool: Pool, settings: Settings, fn: Work<T>, how: How, span: AttemptSpan,
  ): Promise<T> {
    const { token, anyAge, answerMs } = how
    const along = how.along?.isWanted() ? how.along : null
    const onReplica = pool === replica
    const { locate: place, also } = locating(monitor.cluster())
    const locate = `${place} AS position`
    const checked = token !== null && !anyAge && !breaks.has('ignore-tokens')
    const confirming = checked && !onReplica ? token : null
    let position: WalPosition | null = null
    const left = remainingMs(statementTimeoutMs)
    // Half of what is left on a replica, so that the other half is there for the primary.
    const limitMs = onReplica && !anyAge ? left / 2 : left
    const value = await runRead(
      {
        pool,
        settings,
        // A pool that is full says nothing of a server; one in which nobody is answered does.
        acquire: {
          limitMs: breaks.has('busy-is-illness') ? Math.min(limitMs, answerMs) : limitMs,
          silentMs: answerMs,
        },
        lateAnswer: breaks.has('slow-is-silent'),
        limitMs,
        firstAnswerMs: answerMs,
        queues: !onReplica,
        // Asked before the snapshot is taken: what has been replayed by then, the snapshot shows.
        before: checked ? [locate, ...(confirming ? visibility.ask(confirming) : [])] : [],
        // And again after it was taken: what the snapshot shows lies before this.
        position: [locate, ...also],
        along: along ? [`${along.expression} AS along`] : [],
        checkBefore(before) {
          if (checked) judgeBefore(pool, parseWalPosition(before.position!), token, anyAge)
        },
        async check(findings) {
          if (findings.position.cluster) monitor.metCluster(findings.position.cluster)
          position = parseWalPosition(findings.position.position!)
          span.answeredBy(position.role)
          const before = checked ? parseWalPosition(findings.before.position!) : position
          judge(pool, before, position, token, { checked, anyAge })
          // Transactions that were over before the snapshot was taken are over in it.
          if (confirming && !(await visibility.shows(confirming, before, findings.before)))
            throw new BehindError('token')
          along?.answered(findings.before.along ?? findings.position.along ?? null)
        },
      },
      fn,
    )
    const shown = position!
    seen.saw(shown, confirming)
    metrics.served(pool.name, 'read')
    const isReplica = (shown as WalPosition).role === 'replica'
    if (anyAge || (isReplica && !monitor.hasPrimary()))
      markStale(shown, token !== null && !hasSeen(shown, token))
    return value
  }

  /** @throws {BehindError} {FormerPrimaryError} when this server must not answer. */
  function judge(
    pool: Pool,
    before: WalPosition,
    position: WalPosition,
    token: Token | null,
    { checked, anyAge }: { checked: boolean, anyAge: boolean },
  ) {
    judgeEpoch(pool, position, token, anyAge)
    if (anyAge || breaks.has('ignore-tokens')) return
    if (checked && !hasSeen(before, token!)) throw new BehindError('token')
    if (position.role === 'replica' && monitor.hasPrimary()) {
      if (!monitor.coversDroppedTokens(position) || (monitor.ageSeconds(position) ?? 0) > lagLimitSeconds)
        throw new BehindError('late')
    }
  }

  /** What can be said before the snapshot's own position is known. */
  function judgeBefore(pool: Pool, before: WalPosition, token: Token, anyAge: boolean) {
    judgeEpoch(pool, before, token, anyAge)
    if (!hasSeen(before, token)) throw new BehindError('token')
  }

  function judgeEpoch(pool: Pool, position: WalPosition, token: Token | null, anyAge: boolean) {
    if (breaks.has('no-epoch-check')) return
    if (pool === primary && position.role !== 'primary') throw new FormerPrimaryError('it is a replica')
    // Also behind the replicas' address: a balancer may still take it for what it was.
    const newest = Math.max(monitor.state().timeline, anyAge ? 0 : token?.timeline ?? 0)
    if (position.role === 'primary' && position.timeline < newest) {
      throw new FormerPrimaryError(`it is on timeline ${position.timeline}, and ${newest} has begun`)
    }
    if (position.timeline > monitor.state().timeline) monitor.observeWalPosition(position)
  }

  function markStale(position: WalPosition, lacking: boolean) {
    const context = currentContext()
    const age = monitor.ageSeconds(position)
    const seconds = age === null || age === Infinity ? monitor.state().replica?.lagSeconds ?? 1 : age
    metrics.stale()
    // Something is known to be missing: never "0 seconds".
    if (context)
      context.staleSeconds = Math.max(context.staleSeconds ?? 0, lacking ? Math.max(1, seconds) : seconds)
  }

  async function read<T>(settings: Settings, fn: Work<T>, options: ReadOptions): Promise<T> {
    const { consistency = 'session', along = null } = options
    let attempts = 0
    const tryOn = (pool: Pool, how: How) => (
      attemptSpan(pool.name, ++attempts, span => attempt(pool, settings, fn, how, span))
    )
    await monitor.ready(remainingMs(patienceMs))
    const context = currentContext()
    const spent = context?.waitExhausted ?? false
    let until = performance.now() + (spent ? 0 : remainingMs(patienceMs))
    let isExcused = false
    /** There is somebody else to ask. */
    const hasChoice = replica !== null && consistency !== 'strong'
    let lastError: unknown
    /**
     * What was waited for a turn, or for a pooler that stood still, is no patience with the servers: it
     * begins anew, once.
     */
    const excuse = (pool: Pool, error: unknown) => {
      const cause = causeOf(error)
      const excused
        = cause instanceof BehindError || cause instanceof InconclusiveError || isPoolersDoing(pool, error)
      if (isExcused || spent || !excused) return
      isExcused = true
      until = performance.now() + remainingMs(patienceMs)
    }
    for (let round = 0; ; round++) {
      const token = consistency === 'eventual' ? null : seen.wanted()
      if (hasChoice) {
        // Not again in the same request, once it has been waited for in vain. And a trial costs its caller
        // time: none while the monitor finds nobody there.
        if (!context?.replicaUnresponsive && circuit.allows(monitor.state().replica?.reachable ?? true)) {
          try {
            const how = { token, anyAge: false, answerMs: replicaAnswerMs, along }
            const value = await attemptReplica(replica, () => tryOn(replica, how))
            circuit.succeeded()
            return value
          }
          catch (error) {
            lastError = causeOf(error)
            const slow = isTooSlow(lastError)
            if (!worthElsewhere(lastError) && !(lastError instanceof InconclusiveError)) circuit.succeeded()
            if ((!worthElsewhere(lastError) && !slow) || breaks.has('no-retry')) {
              if (lastError instanceof InconclusiveError) circuit.undecided()
              throw permanent(lastError)
            }
            missed(error, lastError)
            excuse(replica, error)
            if (context && isSilence(error) && !isPoolersDoing(replica, error))
              context.replicaUnresponsive = true
          }
        }
        else { metrics.fellBack('circuit') }
      }
      // An earlier read of this request has asked it in vain. Each further one would wait for the same: a
      // balancer that does not know yet takes half a second to refuse.
      if (spent && hasChoice) break
      try {
        const answerMs = !hasChoice
          ? Infinity
          : Math.min(
              performance.now() < primaryInDoubtUntil || !monitor.hasPrimary()
                ? doubtedAnswerMs
                : primaryAnswerMs,
              Math.max(doubtedAnswerMs, until - performance.now()),
            )
        const value = await tryOn(primary, { token, anyAge: false, answerMs, along })
        primaryInDoubtUntil = 0
        return value
      }
      catch (error) {
        const cause = causeOf(error)
        const isSilent = isSilence(error) && !isPoolersDoing(primary, error)
        if (hasChoice && (isSilent || isTakenForIllness(cause)))
          primaryInDoubtUntil = performance.now() + doubtMs
        // A primary with too much to do is no reason to show anybody older data.
        if (
          !worthElsewhere(cause)
          || (cause instanceof InconclusiveError && !isTakenForIllness(cause))
          || breaks.has('no-retry')
        )
          throw permanent(cause)
        lastError = cause
        excuse(primary, error)
        if (cause instanceof FormerPrimaryError) primary.beginEpoch()
        if (!(cause instanceof BehindError)) monitor.refreshSoon()
        metrics.retried(
          cause instanceof FormerPrimaryError
            ? 'former-primary'
            : cause instanceof BehindError
              ? 'behind'
              : 'connection',
        )
        log.debug({ err: databaseError(cause) }, 'The primary did not answer a read')
      }
      const pause = lastError instanceof BehindError ? visibleAfterMs : Math.min(250, pauseMs * 2 ** round)
      if (performance.now() + pause >= until) break
      if (isAbandoned()) throw permanent(new AbandonedError())
      await new Promise(resolve => setTimeout(resolve, pause))
    }
    if (context) context.waitExhausted = true
    let busy: PoolExhaustedError | null = null
    for (const { pool, anyAge, answerMs } of lastResorts(hasChoice, consistency)) {
      try {
        return await tryOn(pool, { token: seen.wanted(), anyAge, answerMs, along })
      }
      catch (error) {
        lastError = causeOf(error)
        if (!worthElsewhere(lastError)) throw permanent(lastError)
        if (lastError instanceof PoolExhaustedError) busy = lastError
      }
    }
    if (busy) throw permanent(busy)
    throw new UnavailableError('The database cannot be reached.', { cause: lastError, retryAfterSeconds: 2 })
  }

  return <T>(settings: Settings, fn: Work<T>, options: ReadOptions): Promise<T> => (
    transactionSpan('read', () => read(settings, fn, options))
  )

  /**
   * When patience is over: what a replica has, with its age; the primary, for as long as it takes; and what
   * that one has, where nobody satisfies the token (one of a timeline that a restored backup does not know).
   */
  function* lastResorts(hasChoice: boolean, consistency: Consistency) {
    if (consistency === 'strong') return
    if (hasChoice) {
      yield { pool: replica!, anyAge: true, answerMs: replicaAnswerMs }
      yield { pool: primary, anyAge: false, answerMs: Infinity }
    }
    if (monitor.hasPrimary() && seen.wanted()) yield { pool: primary, anyAge: true, answerMs: Infinity }
  }

  function isTakenForIllness(cause: unknown): boolean {
    return breaks.has('busy-is-illness') && cause instanceof InconclusiveError
  }

  function permanent(cause: unknown): unknown {
    if (cause instanceof AbandonedError) metrics.abandoned()
    if (cause instanceof PoolExhaustedError) metrics.busy()
    // A statement that used up its time is no fault of its own making; everything else is the caller's to
    // know as it is.
    return isTooSlow(cause) ? new UnavailableError('The database took too long to answer.', { cause }) : cause
  }

  /** The replica pool did not answer this read. */
  function missed(error: unknown, cause: unknown) {
    if (cause instanceof BehindError) {
      metrics.fellBack(cause.reason)
      // Not having the newest is no fault. Being too late is.
      if (cause.reason === 'late') circuit.failed()
      else circuit.succeeded()
      return
    }
    if (isTooSlow(cause)) return circuit.succeeded()
    // Too many at once, a queue in the pooler, one of several that stands still while the others answer: that
    // is not the pool.
    if (isTakenForIllness(cause)) circuit.failed()
    else if (cause instanceof InconclusiveError || isPoolersDoing(replica!, error) || isPassedOver(error)) {
      circuit.undecided()
    }
    else circuit.failed({ atOnce: isSilence(error) })
    monitor.refreshSoon()
    metrics.retried('connection')
    log.debug({ err: databaseError(cause) }, 'A read is retried on another server')
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof TransactionError ? error.cause : error
}

/** Nobody answered in time. */
function isSilence(error: unknown): boolean {
  return (
    error instanceof TransactionError
    && (error.silent || (error.cause instanceof PoolUnresponsiveError && !error.cause.passedOver))
  )
}

/**
 * Whether a failure may be a pooler's that stands still, and not the servers' behind it. One that was cut for
 * its silence is not: it was left alone until its own pooler had shown that it is there. That somebody else's
 * has still to show it, as there always is one under load, changes nothing.
 */
function isPoolersDoing(pool: Pool, error: unknown): boolean {
  return pool.unsettled() && !(error instanceof TransactionError && error.silent)
}

/** This one was not answered in time, while others were. */
function isPassedOver(error: unknown): boolean {
  return (
    error instanceof TransactionError
    && (error.passedOver || (error.cause instanceof PoolUnresponsiveError && error.cause.passedOver))
  )
}

/**
 * The statement used up the time that it was given: on a replica half of what there was, so that the other
 * half is there for the primary.
 */
function isTooSlow(error: unknown): boolean {
  return databaseError(error).code === '57014'
}

/**
 * A pooler that stands still takes its connections with it; there is another, or nobody would have left it.
 */
async function attemptReplica<T>(pool: Pool, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  }
  catch (error) {
    const cause = causeOf(error)
    const wasPoolers = cause instanceof PoolerUnresponsiveError || isPoolersDoing(pool, error)
    if (isConnectionError(cause) && wasPoolers && !isAbandoned()) return attempt()
    throw error
  }
}

/** Whether another server could answer this read. */
function worthElsewhere(error: unknown): boolean {
  // Nobody waits for it, or there is no time left to.
  if (error instanceof InconclusiveError) return error instanceof PoolExhaustedError
  // All our reads are in read-only transactions: this one tried to change something, and would anywhere.
  if (databaseError(error).code === '25006') return false
  return (
    error instanceof UnavailableError
    || error instanceof BehindError
    || classify(error, false) !== 'permanent'
  )
}
