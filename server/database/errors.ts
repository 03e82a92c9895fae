import { DrizzleQueryError } from 'drizzle-orm'

/**
 * What an error says about a transaction.
 * - `not-committed`: it certainly had no effect; repeat it, perhaps elsewhere.
 * - `unknown`: the connection was lost after COMMIT was sent; only the operation's record can tell.
 * - `permanent`: the statement itself is at fault (a constraint, a bug); a repeat gives the same.
 */
export type Outcome = 'not-committed' | 'unknown' | 'permanent'

/** SQLSTATEs and classes that a repeat on this or the next primary can mend. PostgreSQL's appendix A; PgBouncer says 08P01. */
const transientStates = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '25006', // read_only_sql_transaction: this is no longer the primary
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting, stopping or in recovery
  '57P05', // idle_session_timeout
  '53300', // too_many_connections
  '55P03', // lock_not_available: lock_timeout
  '08P01', // PgBouncer: "server login has been failing", "client_login_timeout", "query_wait_timeout"
  '08000', '08001', '08003', '08004', '08006',
])

const socketCodes = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNABORTED', 'ENOENT',
])

/** node-postgres gives these conditions no code, only words. */
const connectionMessages = /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|not queryable|Cannot use a pool after calling end/

/** The error that PostgreSQL or the socket gave, from under drizzle's wrapper. */
export function databaseError(error: unknown): Error & { code?: string, constraint?: string } {
  if (error instanceof DrizzleQueryError && error.cause) return databaseError(error.cause)
  return error instanceof Error ? error : new Error(String(error))
}

/** The link to the server broke or could not be made, or the server is not taking work. */
export function isConnectionError(error: unknown): boolean {
  const { code = '', message } = databaseError(error)
  return socketCodes.has(code) || code.startsWith('08') || code.startsWith('57P') || code === '53300' || connectionMessages.test(message)
}

/** What `error` says, given whether COMMIT had been sent when it came. */
export function classify(error: unknown, commitSent: boolean): Outcome {
  const { code = '' } = databaseError(error)
  // After COMMIT was sent, a lost link or a shutdown may have come before or after the commit took effect.
  if (commitSent && isConnectionError(error)) return 'unknown'
  if (transientStates.has(code) || isConnectionError(error)) return 'not-committed'
  return 'permanent'
}

/** The name of the unique constraint or index that refused a row; null if it was something else. */
export function violatedUnique(error: unknown): string | null {
  const { code, constraint } = databaseError(error)
  return code === '23505' ? constraint ?? '' : null
}
