import type { Span } from '@opentelemetry/api'
import { inSpan } from '#server/telemetry/tracing.ts'
import { databaseError, sqlState } from './errors.ts'
import { TransactionError } from './transaction.ts'

/** What an attempt says of itself while it lasts. */
export interface AttemptSpan {
  /** A server has answered, and this is what it is. */
  answeredBy(role: 'primary' | 'replica'): void
}

const notRecorded: AttemptSpan = { answeredBy() {} }

/** A call of the router with all its attempts and the waits between them, as one step of the request. */
export function transactionSpan<T>(kind: 'read' | 'write', fn: () => Promise<T>): Promise<T> {
  return inSpan(`database ${kind}`, 'internal', {}, fn)
}

/**
 * One attempt on one pool, `number` counted from 1. It says which server answered, and of a failure the class
 * of the SQLSTATE: never a statement or a value.
 */
export function attemptSpan<T>(
  pool: string, number: number, fn: (span: AttemptSpan) => Promise<T>,
): Promise<T> {
  const attributes = {
    'db.system.name': 'postgresql', 'fleet2.database.pool': pool, 'fleet2.database.attempt': number,
  }
  return inSpan('database attempt', 'client', attributes, (span) => {
    if (!span) return fn(notRecorded)
    const attempt = fn({ answeredBy: role => void span.setAttribute('fleet2.database.role', role) })
    return attempt.catch((error: unknown) => {
      sayWhy(span, error)
      throw error
    })
  })
}

function sayWhy(span: Span, error: unknown) {
  const cause = error instanceof TransactionError ? error.cause : error
  const sqlstate = sqlState(cause)
  if (sqlstate) span.setAttribute('fleet2.database.sqlstate_class', sqlstate.slice(0, 2))
  span.setAttribute('fleet2.database.error', databaseError(cause).constructor.name)
}
