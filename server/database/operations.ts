import { createHash, randomUUID } from 'node:crypto'
import { sql, type SQL } from 'drizzle-orm'
import pg from 'pg'
import { currentContext } from '#server/telemetry/context.ts'
import { ConflictError } from '#shared/errors.ts'

/** One write transaction's identity. It stays the same when the transaction is run again. */
export interface OperationId {
  scope: string
  key: string
  sequence: number
  fingerprint: string
  /** Came from the client: a repeat may arrive at any time, from anywhere. */
  fromClient: boolean
}

/** Another transaction with the same key is at work; the router waits for it, or tells the client. */
export class OperationInProgressError extends ConflictError {
  constructor() {
    super('A request with this Idempotency-Key is still in progress. Try again in a moment.', {
      type: 'operation-in-progress',
    })
  }
}

/** The next operation of this request: the client's key and the number of the write, or a key made here. */
export function nextOperation(): OperationId {
  const context = currentContext()
  const sequence = context ? context.writes++ : 0
  if (context?.operation) return { ...context.operation, sequence, fromClient: true }
  return { scope: 'router', key: randomUUID(), sequence, fingerprint: '', fromClient: false }
}

/** What a record holds. (A type, because drizzle asks for an index signature.) */
export type StoredAnswer<T> = { fingerprint: string, result: { value?: T } }

const literal = pg.escapeLiteral

/**
 * An expression for BEGIN's round trip: makes the operation this transaction's own. Raises F2001 while
 * another one has it, F2002 when it is done; the statements that were sent along are then refused. See
 * migration 2 for the lock and its order.
 */
export function claim({ scope, key, sequence, ...rest }: OperationId): string {
  return `claim_operation(${literal(scope)}, ${literal(key)}, ${sequence}, ${lockKey({ scope, key, sequence, ...rest })}) AS claimed`
}

/**
 * SQL for COMMIT's round trip: stores the answer in the transaction that has the effect, so that whoever runs
 * it again gets the answer instead of a second effect.
 */
export function record({ scope, key, sequence, fingerprint }: OperationId, value: unknown): string {
  return `INSERT INTO operations (scope, key, sequence, fingerprint, result) VALUES (${literal(scope)}, ${literal(key)}, ${sequence}, ${literal(fingerprint)}, ${literal(JSON.stringify({ value }))}::jsonb)`
}

/** The answer that is stored. Without a lock: those who repeat a request need not wait for each other. */
export function replayQuery({ scope, key, sequence }: OperationId): SQL {
  return sql`SELECT fingerprint, result FROM operations WHERE scope = ${scope} AND key = ${key} AND sequence = ${sequence}`
}

/** The same work under another name. For showing that the tests notice (`retry-blindly`). */
export function renamed(operation: OperationId): OperationId {
  return { ...operation, key: randomUUID() }
}

/** 64 bits of a hash as PostgreSQL's bigint. Two operations that share them wait for each other, no more. */
function lockKey({ scope, key, sequence }: OperationId): string {
  return createHash('sha256').update(`${scope}\n${key}\n${sequence}`).digest().readBigInt64BE(0).toString()
}
