import { DrizzleQueryError } from 'drizzle-orm'
import { UnavailableError } from '#shared/errors.ts'
import { errorTable, type ErrorRow, type Outcome } from './error-table.ts'

export type { Outcome } from './error-table.ts'

const byCode = new Map(errorTable.filter(({ match }) => match.code !== undefined).map(row => [row.match.code!, row]))
const byWords = errorTable.filter(({ match }) => match.words !== undefined)

/** The error that PostgreSQL or the socket gave, from under drizzle's wrapper. */
export function databaseError(error: unknown): Error & { code?: string, constraint?: string } {
  if (error instanceof DrizzleQueryError && error.cause) return databaseError(error.cause)
  return error instanceof Error ? error : new Error(String(error))
}

/** The row of the table that speaks of this error; undefined: it is the statement's own fault. */
export function errorRow(error: unknown): ErrorRow | undefined {
  const { code, message } = databaseError(error)
  return (code === undefined ? undefined : byCode.get(code)) ?? byWords.find(({ match }) => match.words!.test(message))
}

/** The link to the server broke or could not be made, or the server is not taking work: the connection is of no more use. */
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

/** The server that answered is not the primary that the router means: a replica, or the primary of a reign that is over. */
export class FormerPrimaryError extends Error {
  constructor(what: string) {
    super(`This server is no longer the primary: ${what}`)
  }
}

/** This server lacks what the caller has seen, or is too late to be asked. */
export class BehindError extends Error {
  readonly reason: 'token' | 'late'
  constructor(reason: 'token' | 'late') {
    super(reason === 'token' ? 'This server has not seen what the caller has seen' : 'This replica is too far behind')
    this.reason = reason
  }
}

/** Nobody waits for the answer any more, and nothing had been begun. */
export class AbandonedError extends UnavailableError {
  constructor() {
    super('The request was given up by its sender.')
  }
}

/**
 * PostgreSQL answered COMMIT and warned that the wait for the synchronous standby had been ended: committed here, perhaps not
 * there. A failover may lose it, so it is no acknowledgement.
 */
export class NotReplicatedError extends Error {
  constructor() {
    super('The commit was not confirmed by the synchronous standby')
  }
}
