import type { Logger } from 'pino'
import { currentContext, remainingMs } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import { classify, databaseError, isConnectionError } from './errors.ts'
import { OperationInProgressError, nextOperation, operationEnvelope } from './operations.ts'
import type { Pool } from './pool.ts'
import { rowKeys, type Database, type Queries, type ReadOptions, type RowKey, type Transaction, type WriteOptions } from './port.ts'
import { TransactionError, runTransaction, type Settings } from './transaction.ts'

/** What the router counts. Every label is from a fixed set. */
export interface RouterMetrics {
  served(pool: 'primary' | 'replica', kind: 'read' | 'write'): void
  retried(reason: 'connection' | 'contention' | 'unknown-outcome'): void
  replayed(): void
}

/** After a failure the replica is left alone this long: long enough not to pay a failed connect a request, short enough to come back soon. */
const replicaPauseMs = 2_000

/** Outside of a request a write is retried this long: the budget of a failover (specification: under 30 s). */
const jobPatienceMs = 30_000

/** A write waits for a failover until its deadline, but leaves the answer this long to travel. */
const answerMarginMs = 250

/**
 * Reads to the replica pool, writes to the primary, each safe to repeat. A replica that fails costs nobody an error: the primary
 * answers, and the replica is tried again later. With no primary, reads go on.
 */
export function createRouter({ primary, replica, metrics, log }: { primary: Pool, replica: Pool | null, metrics: RouterMetrics, log: Logger }): Database {
  let replicaPausedUntil = 0

  async function read<T>(settings: Settings, fn: (tx: Transaction) => Promise<T>, { consistency = 'session' }: ReadOptions): Promise<T> {
    const replicaUsable = replica !== null && Date.now() >= replicaPausedUntil
    const order = consistency === 'strong' || !replica
      ? [primary]
      : replicaUsable ? [replica, primary] : [primary, replica]
    let lastError: unknown
    for (const pool of order) {
      try {
        const value = await runTransaction(pool, { readOnly: true, settings }, fn)
        metrics.served(pool.name, 'read')
        return value
      }
      catch (error) {
        const cause = error instanceof TransactionError ? error.cause : error
        if (!worthElsewhere(cause)) throw cause
        lastError = cause
        if (pool === replica) replicaPausedUntil = Date.now() + replicaPauseMs
        metrics.retried('connection')
        log.debug({ err: databaseError(cause), pool: pool.name }, 'A read goes elsewhere')
      }
    }
    throw unavailable('The database cannot be reached.', lastError)
  }

  async function write<T>(settings: Settings, fn: (tx: Transaction) => Promise<T>, { repeatable = false }: WriteOptions): Promise<T> {
    const context = currentContext()
    const operation = repeatable ? null : nextOperation()
    let attempt = 0
    const envelope = operation
      ? operationEnvelope<T>(operation, () => {
          // A repeat inside this very request is not the client's: the answer is the first one as far as it can tell.
          if (attempt === 0 && context) context.replayed = true
          metrics.replayed()
        })
      : undefined
    const until = Date.now() + remainingMs(jobPatienceMs) - answerMarginMs
    for (; ; attempt++) {
      try {
        const value = await runTransaction(primary, { readOnly: false, settings, envelope }, fn)
        metrics.served('primary', 'write')
        return value
      }
      catch (error) {
        const cause = error instanceof TransactionError ? error.cause : error
        const commitSent = error instanceof TransactionError && error.commitSent
        const inProgress = cause instanceof OperationInProgressError
        // On the first attempt it is another request of the same client; later it is our own lost back end, still at work.
        if (inProgress && attempt === 0) throw cause
        const outcome = inProgress || cause instanceof UnavailableError ? 'not-committed' : classify(cause, commitSent)
        if (outcome === 'permanent') throw cause
        if (isConnectionError(cause)) primary.dropIdle()
        const wait = backoffMs(attempt)
        if (Date.now() + wait >= until) {
          throw outcome === 'unknown'
            ? unavailable('The connection to the database was lost before the outcome was known. Repeat the request with the same Idempotency-Key.', cause)
            : unavailable('The database takes no writes at present. Nothing was changed.', cause)
        }
        metrics.retried(outcome === 'unknown' ? 'unknown-outcome' : isConnectionError(cause) ? 'connection' : 'contention')
        log.debug({ err: databaseError(cause), attempt, outcome }, 'A write is tried again')
        await new Promise(resolve => setTimeout(resolve, wait))
      }
    }
  }

  function queries(settings: Settings): Queries {
    return {
      read: (fn, options = {}) => read(settings, fn, options),
      write: (fn, options = {}) => write(settings, fn, options),
    }
  }

  return {
    ...queries([]),
    inOrganisation(organisationId: string) {
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(organisationId)) throw new TypeError('inOrganisation: not a UUID')
      return queries([['app.organisation_id', organisationId]])
    },
    withKey: (key: RowKey, value: string) => queries([[rowKeys[key], value]]),
  }
}

/** Whether another server could answer this read. */
function worthElsewhere(error: unknown): boolean {
  return error instanceof UnavailableError || classify(error, false) === 'not-committed'
}

/** 50 ms doubling to 1 s, each with full jitter from its half, so that a crowd of waiting writes does not return as one. */
function backoffMs(attempt: number): number {
  const ceiling = Math.min(1_000, 50 * 2 ** attempt)
  return ceiling / 2 + Math.random() * ceiling / 2
}

function unavailable(detail: string, cause: unknown): UnavailableError {
  return new UnavailableError(detail, { cause, retryAfterSeconds: 2 })
}
