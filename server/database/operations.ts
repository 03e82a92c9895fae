import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { currentContext } from '#server/telemetry/context.ts'
import { ConflictError, IdempotencyMismatchError } from '#shared/errors.ts'
import type { Envelope } from './transaction.ts'

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
    super('A request with this Idempotency-Key is still being worked on. Ask again in a moment.', { type: 'operation-in-progress' })
  }
}

/** The next operation of this request: the client's key and the number of the write, or a key made here. */
export function nextOperation(): OperationId {
  const context = currentContext()
  const sequence = context ? context.writes++ : 0
  if (context?.operation) return { ...context.operation, sequence, fromClient: true }
  return { scope: 'router', key: randomUUID(), sequence, fingerprint: '', fromClient: false }
}

/**
 * Stores the result of a transaction in the transaction itself, so that whoever runs it again gets the answer instead of a second
 * effect. All of it travels with BEGIN and COMMIT and costs no round trip of its own.
 *
 * A transaction-level advisory lock on the operation's id comes first: it is held by a back end whose client has gone
 * away for as long as that one may still commit, and the look at the record, a statement later, has a newer snapshot.
 */
export function operationEnvelope<T>(operation: OperationId, onReplay: () => void): Envelope<T> {
  const literal = pg.escapeLiteral
  const where = `scope = ${literal(operation.scope)} AND key = ${literal(operation.key)} AND sequence = ${operation.sequence}`
  return {
    begin: `SELECT pg_try_advisory_xact_lock(${lockKey(operation)}) AS claimed; SELECT fingerprint, result FROM operations WHERE ${where}`,
    afterBegin(results) {
      const [claim, found] = results.slice(-2)
      if (!(claim!.rows[0] as { claimed: boolean }).claimed) throw new OperationInProgressError()
      const record = found!.rows[0] as { fingerprint: string, result: { value?: T } } | undefined
      if (!record) return undefined
      if (record.fingerprint !== operation.fingerprint) throw new IdempotencyMismatchError()
      onReplay()
      return { value: record.result.value as T }
    },
    end(value) {
      const result = JSON.stringify({ value })
      return `INSERT INTO operations (scope, key, sequence, fingerprint, result) VALUES (${literal(operation.scope)}, ${literal(operation.key)}, `
        + `${operation.sequence}, ${literal(operation.fingerprint)}, ${literal(result)}::jsonb)`
    },
  }
}

/** 64 bits of a hash as PostgreSQL's bigint. Two operations that share them wait for each other, no more. */
function lockKey({ scope, key, sequence }: OperationId): string {
  return createHash('sha256').update(`${scope}\n${key}\n${sequence}`).digest().readBigInt64BE(0).toString()
}
