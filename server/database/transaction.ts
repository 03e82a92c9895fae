import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { remainingMs } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import { NotReplicatedError, isConnectionError } from './errors.ts'
import type { Connection, Pool } from './pool.ts'
import type { Transaction } from './port.ts'

/** Settings of row-level security that hold for one transaction: name and value. */
export type Settings = readonly (readonly [name: string, value: string])[]

interface Common {
  pool: Pool
  settings: Settings
  /** SQL that is run with BEGIN, in the same round trip. */
  begin: string[]
  /** Looks at the answers to it, all of them in order. What it throws, the caller gets, and nothing of `fn` counts. */
  check(results: pg.QueryResult[]): void
}

export interface ReadAttempt extends Common {
  /** SQL that is run before the snapshot of the transaction is taken, in the same round trip. */
  beforeSnapshot: string[]
  /** What the attempt may take altogether, and until BEGIN is answered. */
  limitMs: number
  firstAnswerMs: number
}

export interface WriteAttempt<T> extends Common {
  /** SQL that is run before COMMIT, in the same round trip. */
  end(value: T): string[]
  /** SQL that is run after COMMIT, on its heels: one row with one text. */
  after: string | null
  /** An earlier attempt was lost at COMMIT: a connection that cannot do this one is not given to anybody else either. */
  distrust: boolean
}

/** A transaction that failed, and whether COMMIT had been sent. */
export class TransactionError extends Error {
  readonly commitSent: boolean
  /** The server stopped answering and was cut off. */
  readonly silent: boolean
  constructor(cause: unknown, { commitSent = false, silent = false }) {
    super('The transaction failed', { cause })
    this.commitSent = commitSent
    this.silent = silent
  }
}

/** Outside of a request (jobs) a transaction gets this long: more than any of them needs, and not for ever. */
export const statementTimeoutMs = 30_000

/**
 * A statement time-out that fires while COMMIT waits for the synchronous standby ends the wait, not the commit: PostgreSQL answers
 * COMMIT with a warning, and the write would be on one node alone. So the time-out ends before COMMIT.
 */
const beforeCommit = 'SET LOCAL statement_timeout = 0'

/** The server ends a statement at its time-out and says so; this much later the client gives up on the server. */
const clientGraceMs = 500

/**
 * A COMMIT that is silent for so long is on a server whose standby is being replaced, or on a former primary that nobody has cut off: its commits wait for ever. Asking again
 * finds out which: on the one the operation is still under way, on the next primary it is made. Longer than `wal_sender_timeout` (3 s), which ends most such waits.
 */
const commitLimitMs = 4_000

/** The commit has been acknowledged: its position is worth a moment, and no more. */
const positionLimitMs = 500

/**
 * Runs `fn` in a read-only transaction with one snapshot. BEGIN with its settings and the first statement of `fn` are sent together, and COMMIT is not waited for: a
 * read of one statement costs one round trip.
 * @throws {TransactionError} with the cause.
 */
export async function runRead<T>(attempt: ReadAttempt, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  const { pool, settings, beforeSnapshot, begin, check, limitMs, firstAnswerMs } = attempt
  return onConnection(pool, limitMs, async (connection, limit, guard) => {
    const { client } = connection
    const first = setTimeout(guard.fire, Math.min(firstAnswerMs, limit))
    const begun = send(client, [
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      ...beforeSnapshot.length ? [...beforeSnapshot, 'COMMIT AND CHAIN'] : [],
      ...settingStatements(settings, limit),
      ...begin,
    ]).finally(() => clearTimeout(first)).then(check)
    const value = await runPipelined(client, begun, fn)
    void finish(connection, guard, 'COMMIT')
    return value
  })
}

/**
 * Runs `fn` in one transaction. BEGIN with its settings and the first statement of `fn` are sent together, as is what stands before and after COMMIT.
 * @returns the value, and the answer to `after` (null where it could not be had).
 * @throws {TransactionError} with the cause.
 */
export async function runWrite<T>(attempt: WriteAttempt<T>, fn: (tx: Transaction) => Promise<T>): Promise<{ value: T, after: string | null }> {
  const { pool, settings, begin, check, end, after, distrust } = attempt
  return onConnection(pool, statementTimeoutMs, async (connection, limit, guard, mark) => {
    const { client } = connection
    connection.takeReplicationWarning()
    // A message of its own: should the next one be refused as a whole, what follows must find itself in a transaction, and fail there.
    const opened = client.query('BEGIN')
    const begun = Promise.all([opened, send(client, [...settingStatements(settings, limit), ...begin])]).then(([, results]) => check(results))
    mark.distrust = distrust
    const value = await runPipelined(client, begun, fn)
    mark.commitSent = true
    const silence = setTimeout(guard.fire, Math.min(commitLimitMs, limit))
    const committing = send(client, [...end(value), beforeCommit, 'COMMIT'])
    const locating = after === null ? null : client.query<{ answer: string }>(after).then(({ rows }) => rows[0]!.answer)
    locating?.catch(() => {})
    const ended = await committing.finally(() => clearTimeout(silence))
    // COMMIT of a transaction in which an error was swallowed answers ROLLBACK, and no error.
    if (ended.at(-1)?.command !== 'COMMIT') {
      mark.commitSent = false
      throw new Error('The transaction was rolled back: a failed statement inside it was ignored.')
    }
    if (connection.takeReplicationWarning()) throw new NotReplicatedError()
    const answer = locating && await Promise.race([locating.catch(() => null), new Promise<null>(resolve => setTimeout(resolve, positionLimitMs, null).unref())])
    guard.clear()
    connection.release(answer === null && after !== null)
    return { value, after: answer }
  })
}

interface Mark { commitSent: boolean, distrust: boolean }

/** What both have in common: a connection, its guard, and what becomes of them when the work fails. */
async function onConnection<R>(pool: Pool, limitMs: number, work: (connection: Connection, limit: number, guard: Guard, mark: Mark) => Promise<R>): Promise<R> {
  const mark: Mark = { commitSent: false, distrust: false }
  let guard: Guard | null = null
  try {
    const connection = await pool.acquire(limitMs)
    const limit = remainingMs(Math.min(limitMs, statementTimeoutMs))
    if (limit <= 0) {
      connection.release(false)
      throw new UnavailableError('The request ran out of time.')
    }
    guard = guardConnection(connection.client, limit + clientGraceMs)
    try {
      return await work(connection, limit, guard, mark)
    }
    catch (error) {
      // A server that only refused a statement still takes a ROLLBACK (the guard bounds it too). Any other connection is thrown away, in the middle of
      // its transaction: PgBouncer then closes the server connection behind it as well, instead of giving it to the next.
      if (guard.fired || mark.distrust || isConnectionError(error)) {
        guard.clear()
        connection.release(true)
      }
      else {
        void finish(connection, guard, 'ROLLBACK')
      }
      throw error
    }
  }
  catch (error) {
    throw new TransactionError(error, { commitSent: mark.commitSent, silent: guard?.fired ?? false })
  }
}

/** Ends the transaction without keeping anybody waiting: the connection goes back when the server has answered. */
async function finish(connection: Connection, guard: Guard, statement: 'COMMIT' | 'ROLLBACK') {
  const ended = await connection.client.query(statement).then(() => true, () => false)
  guard.clear()
  connection.release(!ended)
}

/** Runs `fn` while BEGIN is still under way. Its statements are on the wire at once; their answers count only once BEGIN's has been found good. */
async function runPipelined<T>(client: pg.PoolClient, begun: Promise<void>, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  begun.catch(() => {})
  const session = new PipelinedSession(client, begun)
  try {
    return await fn(drizzle(session as unknown as pg.Client))
  }
  catch (error) {
    // What BEGIN met is the cause of what followed.
    await begun
    throw error
  }
  finally {
    session.end()
    await begun
  }
}

/** What drizzle takes for a client. (A class, because drizzle takes a plain object for its options.) */
class PipelinedSession {
  readonly #client: pg.PoolClient
  readonly #begun: Promise<void>
  #ended = false

  constructor(client: pg.PoolClient, begun: Promise<void>) {
    this.#client = client
    this.#begun = begun
  }

  async query(config: pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    // A handle that was kept past its function would write into somebody else's transaction.
    if (this.#ended) throw new Error('This transaction is over; its handle must not be used any more.')
    const answer = this.#client.query(config, values)
    answer.catch(() => {})
    await this.#begun
    return answer
  }

  end() {
    this.#ended = true
  }
}

async function send(client: pg.PoolClient, statements: string[]): Promise<pg.QueryResult[]> {
  const text = statements.join('; ')
  // It would end the message early, and what stands behind it would be read as another one.
  if (text.includes('\0')) throw new TypeError('A value for the database must not contain NUL')
  const results = await client.query(text) as unknown as pg.QueryResult | pg.QueryResult[]
  return Array.isArray(results) ? results : [results]
}

/** SET LOCAL is a utility statement: it costs the server a tenth of a SELECT set_config(…). */
function settingStatements(settings: Settings, limitMs: number): string[] {
  return [`SET LOCAL statement_timeout = ${Math.ceil(limitMs)}`, ...settings.map(([name, value]) => `SET LOCAL ${name} = ${pg.escapeLiteral(value)}`)]
}

interface Guard { fired: boolean, fire(): void, clear(): void }

/** A server that stopped answering cannot hold a request: past the limit its socket is cut, and the query in flight fails. */
function guardConnection(client: pg.PoolClient, limitMs: number): Guard {
  const guard: Guard = {
    fired: false,
    fire() {
      guard.fired = true
      clearTimeout(timer)
      const { stream } = (client as unknown as { connection: { stream: { destroy: () => void } } }).connection
      stream.destroy()
    },
    clear: () => clearTimeout(timer),
  }
  const timer = setTimeout(() => guard.fire(), limitMs)
  return guard
}
