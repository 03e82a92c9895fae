import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { remainingMs } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import { isConnectionError } from './errors.ts'
import type { Pool } from './pool.ts'
import type { Transaction } from './port.ts'

/** Settings of row-level security that hold for one transaction: name and value. */
export type Settings = readonly (readonly [name: string, value: string])[]

/** What a transaction adds to its first and last round trip: the idempotency record (`operations.ts`). */
export interface Envelope<T> {
  /** SQL run with BEGIN, in the same round trip. */
  begin: string
  /** Looks at its result. Given a value, the transaction is over and `fn` is not run. */
  afterBegin(results: pg.QueryResult[]): { value: T } | undefined
  /** SQL run before COMMIT, in the same round trip. */
  end(value: T): string
}

/** A transaction that failed, and whether COMMIT had been sent. */
export class TransactionError extends Error {
  readonly commitSent: boolean
  constructor(cause: unknown, commitSent: boolean) {
    super('The transaction failed', { cause })
    this.commitSent = commitSent
  }
}

/** Outside of a request (jobs) a statement gets this long: more than any of them needs, and not for ever. */
const statementTimeoutMs = 30_000

/**
 * A statement time-out that fires while COMMIT waits for the synchronous standby ends the wait, not the commit: PostgreSQL answers
 * COMMIT with a warning, and the write would be acknowledged on one node alone. So the time-out ends before COMMIT.
 */
const beforeCommit = 'SET LOCAL statement_timeout = 0; '

/** The server ends a statement at its time-out and says so; this much later the client gives up on the server. */
const clientGraceMs = 500

/**
 * Runs `fn` in one transaction on a connection of `pool`. BEGIN, the settings and the statement time-out travel in one
 * round trip, as does what stands before COMMIT.
 * @throws {TransactionError} with the cause. The connection is destroyed unless it is certainly clean.
 */
export async function runTransaction<T>(
  pool: Pool,
  { readOnly, settings, envelope }: { readOnly: boolean, settings: Settings, envelope?: Envelope<T> },
  fn: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let commitSent = false
  let clean = false
  let release: (destroy: boolean) => void = () => {}
  try {
    const acquired = await pool.acquire()
    release = acquired.release
    const { client } = acquired
    const limit = remainingMs(statementTimeoutMs)
    if (limit <= 0) throw new UnavailableError('The request ran out of time.')
    const guard = guardConnection(client, limit + clientGraceMs)
    try {
      const begun = await client.query([
        readOnly ? 'BEGIN READ ONLY' : 'BEGIN',
        `SET LOCAL statement_timeout = ${Math.ceil(limit)}`,
        ...settings.map(([name, value]) => `SELECT set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, true)`),
        ...(envelope ? [envelope.begin] : []),
      ].join('; ')) as unknown as pg.QueryResult[]
      const early = envelope?.afterBegin(begun)
      let value: T
      if (early) {
        value = early.value
        await client.query('ROLLBACK')
      }
      else {
        value = await fn(drizzle(client))
        const end = envelope?.end(value)
        if (!readOnly) commitSent = true
        const ended = await client.query(`${end ? `${end}; ` : ''}${beforeCommit}COMMIT`) as unknown as pg.QueryResult | pg.QueryResult[]
        const last = Array.isArray(ended) ? ended.at(-1) : ended
        // COMMIT of a transaction in which an error was swallowed answers ROLLBACK, and no error.
        if (last?.command !== 'COMMIT') {
          commitSent = false
          throw new Error('The transaction was rolled back: a failed statement inside it was ignored.')
        }
      }
      clean = true
      return value
    }
    catch (error) {
      // A server that only refused a statement still takes a ROLLBACK (the guard bounds it too); any other connection is thrown away.
      if (!guard.fired && !isConnectionError(error)) clean = await rollback(client)
      throw error
    }
    finally {
      guard.clear()
    }
  }
  catch (error) {
    throw new TransactionError(error, commitSent)
  }
  finally {
    release(!clean)
  }
}

/** A server that stopped answering cannot hold a request: past the limit its socket is cut, and the query in flight fails. */
function guardConnection(client: pg.PoolClient, limitMs: number) {
  const guard = {
    fired: false,
    clear: () => clearTimeout(timer),
  }
  const timer = setTimeout(() => {
    guard.fired = true
    const { stream } = (client as unknown as { connection: { stream: { destroy: () => void } } }).connection
    stream.destroy()
  }, limitMs)
  return guard
}

async function rollback(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  }
  catch {
    return false
  }
}
