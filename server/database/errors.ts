import { DrizzleQueryError } from 'drizzle-orm'
import { UnavailableError } from '#shared/errors.ts'
import { errorTable, type ErrorRow, type Outcome } from './error-table.ts'

export type { Outcome } from './error-table.ts'

const byCode = new Map(
  errorTable.filter(({ match }) => match.code !== undefined).map(row => [row.match.code!, row]),
)
const byWords = errorTable.filter(({ match }) => match.words !== undefined)

/** The error that PostgreSQL or the socket gave, from under drizzle's wrapper. */
export function databaseError(error: unknown): Error & { code?: string, constraint?: string } {
  if (error instanceof DrizzleQueryError && error.cause) return databaseError(error.cause)
  return error instanceof Error ? error : new Error(String(error))
}

/**
 * SQLSTATE class 22 (data exception), and a value that a column's own rule refuses: the row is at fault, and
 * another one would be accepted.
 */
const ofTheRow = /^(22[0-9A-Z]{3}|23502|23514)$/

/** Whether the database refused a row because of its data. */
export function isDataError(error: unknown): boolean {
  return ofTheRow.test(databaseError(error).code ?? '')
}

/** The SQLSTATE with which the server refused a statement; null: it was not the server that refused. */
export function sqlState(error: unknown): string | null {
  const { code } = databaseError(error)
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/**
 * Removes the values of the query from an error before it leaves this folder, so that no log line can contain
 * personal data. What it says about the kind of fault stays.
 */
export function redactValues<E>(error: E): E {
  if (error instanceof DrizzleQueryError) {
    error.params = []
    error.message = `Failed query: ${error.query}`
    error.stack = `${error.message}\n${frames(error.stack)}`
    redactValues(error.cause)
  }
  else if (error instanceof Error && sqlState(error) !== null) {
    const refusal = error as unknown as Error & {
      code: string
      detail?: string
      where?: string
      hint?: string
      internalQuery?: string
    }
    for (const name of ['detail', 'where', 'hint', 'internalQuery'] as const) refusal[name] = undefined
    // Messages of class 22 quote the value.
    if (refusal.code.startsWith('22')) {
      refusal.message = `A value was refused (SQLSTATE ${refusal.code})`
      refusal.stack = `${refusal.name}: ${refusal.message}\n${frames(refusal.stack)}`
    }
  }
  return error
}

function frames(stack: string | undefined): string {
  return (stack ?? '').split('\n').filter(line => /^\s+at /.test(line)).join('\n')
}

/** The row of the table that speaks of this error; undefined: it is the statement's own fault. */
export function errorRow(error: unknown): ErrorRow | undefined {
  const { code, message } = databaseError(error)
  return (
    (code === undefined ? undefined : byCode.get(code))
    ?? byWords.find(({ match }) => match.words!.test(message))
  )
}

/**
 * The connection broke or could not be made, or the server is not accepting work: the connection is no longer
 * usable.
 */
export function isConnectionError(error: unknown): boolean {
  return errorRow(error)?.link ?? false
}

/** What `error` says of the transaction, given whether COMMIT had been sent when it came. */
export function classify(error: unknown, commitSent: boolean): Outcome {
  const row = errorRow(error)
  return row ? commitSent ? row.atCommit : row.before : 'permanent'
}

/** The name of the unique constraint or index that refused a row; null if it was something else. */
export function violatedUnique(error: unknown): string | null {
  const { code, constraint } = databaseError(error)
  return code === '23505' ? constraint ?? '' : null
}

/**
 * The server that answered is not the primary that the router means: a replica, or the primary of an earlier
 * timeline.
 */
export class FormerPrimaryError extends Error {
  constructor(what: string) {
    super(`This server is no longer the primary: ${what}`)
  }
}

/** This server lacks what the caller has seen, or is too late to be asked. */
export class BehindError extends Error {
  readonly reason: 'token' | 'late'
  constructor(reason: 'token' | 'late') {
    super(
      reason === 'token'
        ? 'This server has not seen what the caller has seen'
        : 'This replica is too far behind',
    )
    this.reason = reason
  }
}

/**
 * Says nothing about the health of any server: it does not trip a circuit breaker and marks no data as stale.
 */
export class InconclusiveError extends UnavailableError {}

/** Every connection is in use while the servers respond: there is more work than they can do. */
export class PoolExhaustedError extends InconclusiveError {
  constructor(pool: string) {
    super(`Every connection to the ${pool} database is in use.`, { retryAfterSeconds: 2 })
  }
}

/** The request's deadline passed before any server could be asked. */
export class DeadlineExceededError extends InconclusiveError {
  constructor() {
    super('The request timed out.')
  }
}

/** Nobody is waiting for the answer any more. A write had not started; a read was stopped wherever it was. */
export class AbandonedError extends InconclusiveError {
  constructor() {
    super('The request was abandoned by the client.')
  }
}

/** No connection could be acquired, and the connections in use get no response either. */
export class PoolUnresponsiveError extends UnavailableError {
  /** One connection could not be made, while others were answered. */
  readonly passedOver: boolean
  constructor(pool: string, { passedOver = false } = {}) {
    super(`The ${pool} database is not responding.`)
    this.passedOver = passedOver
  }
}

/** The pooler at one of the pool's addresses is not responding: there may be another. */
export class PoolerUnresponsiveError extends Error {
  constructor() {
    super('The pooler at this address does not answer')
  }
}

/** COMMIT was sent and has not been answered. Its connection is kept, to learn the outcome later. */
export class CommitTimeoutError extends Error {
  constructor() {
    super('The server has not answered COMMIT yet')
  }
}

/** Commits on this server are waiting for their standby: one more would wait with them. */
export class CommitsStalledError extends Error {
  constructor() {
    super('Commits are waiting for the synchronous standby')
  }
}

/**
 * PostgreSQL answered COMMIT and warned that the wait for the synchronous standby had been ended: committed
 * here, perhaps not there. A failover may lose it, so it is no acknowledgement.
 */
export class NotReplicatedError extends Error {
  constructor() {
    super('The commit was not confirmed by the synchronous standby')
  }
}
