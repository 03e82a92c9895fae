import pg from 'pg'
import { remainingMs } from '#server/telemetry/context.ts'
import { sqlComment } from '#server/telemetry/sql-comment.ts'
import { openLine } from './batch.ts'
import {
  AbandonedError,
  CommitTimeoutError,
  NotReplicatedError,
  DeadlineExceededError,
  redactValues,
  isConnectionError,
} from './errors.ts'
import { awaitFirstAnswer, guardConnection, isAbandoned, onAbandonment, type Guard } from './guard.ts'
import { isQuery, openHandle } from './handle.ts'
import type { AcquireOptions, Connection, Pool } from './pool.ts'
import type { Transaction } from './port.ts'

/** Settings of row-level security that hold for one transaction: name and value. */
export type Settings = readonly (readonly [name: string, value: string])[]

interface Common {
  /** For tests: the first answer waits for `fn`'s first statement. */
  lateAnswer?: boolean
  pool: Pool
  settings: Settings
}

/** What a read learns of the server that answers it. */
export interface ReadFindings {
  /** Answers to `before`, taken before the snapshot. */
  before: Row
  /** Answers to `position`, taken after it. */
  position: Row
}
export type Row = Record<string, string | null>

export interface ReadAttempt extends Common {
  /** Expressions with a name that are asked for before the snapshot is taken; may be none. */
  before: string[]
  /** The same, asked for after it was taken. */
  position: string[]
  /** The same, of which nothing is said but that it is asked for with the settings; may be none. */
  along: string[]
  /**
   * Looks at the answers to `before` as soon as they are there, however long `fn` may take. What it throws,
   * the caller gets.
   */
  checkBefore(before: Row): void
  /** Looks at the answers. What it throws, the caller gets, and nothing of `fn` counts. */
  check(findings: ReadFindings): Promise<void>
  /**
   * What it may wait for a connection, what it may take altogether, and what from the connection to the first
   * answer, which does not wait for `fn`'s first statement.
   */
  acquire: AcquireOptions
  limitMs: number
  firstAnswerMs: number
  /**
   * Others on the same pool are answered meanwhile. True: then it is waited for, in the pooler's queue;
   * false: there may be several servers, and this one is left.
   */
  queues: boolean
}

export interface WriteAttempt<T> extends Common {
  /** Expressions with a name that are asked for at the beginning. */
  begin: string[]
  /** Looks at the answers. What it throws, the caller gets, and nothing of `fn` counts. */
  check(begun: Row): Promise<void>
  /** SQL that is run before COMMIT, in the same round trip. */
  end(value: T): string[]
  /** An expression that is asked for after COMMIT, on its heels. */
  after: string
  /**
   * COMMIT goes out; `cut` ends its connection. Returns what is to be called when it has been answered
   * (true), or its connection has ended (false), which may be long after the attempt is over.
   */
  committing(cut: () => void): (answered: boolean) => void
  /**
   * An earlier attempt was lost at COMMIT: a connection that cannot do this one is not given to anybody else
   * either.
   */
  distrust: boolean
}

/** A transaction that failed, and whether COMMIT had been sent. */
export class TransactionError extends Error {
  readonly commitSent: boolean
  /** The server stopped answering and was cut off, and nobody else had an answer of its pool meanwhile. */
  readonly silent: boolean
  /** It was cut off, while others were answered. */
  readonly passedOver: boolean
  constructor(cause: unknown, { commitSent = false, silent = false, passedOver = false }) {
    super('The transaction failed', { cause: redactValues(cause) })
    this.commitSent = commitSent
    this.silent = silent
    this.passedOver = passedOver
  }
}

/**
 * Outside of a request (jobs) a transaction gets this long: more than any of them needs, and not for ever.
 */
export const statementTimeoutMs = 30_000

/**
 * A statement time-out that fires while COMMIT waits for the synchronous standby ends the wait, not the
 * commit: PostgreSQL answers
 * COMMIT with a warning, and the write would be on one node alone. So the time-out ends before COMMIT.
 */
const beforeCommit = 'SET LOCAL statement_timeout = 0'

/**
 * The server ends a statement at its time-out and says so; this much later the client gives up on the server.
 */
const clientGraceMs = 500

/**
 * A COMMIT that is silent for so long is on a server whose standby is being replaced, or on a former primary
 * that nobody has cut off: its commits wait for ever. Asking again
 * finds out which: on the one the operation is still under way, on the next primary it is made. Longer than
 * `wal_sender_timeout` (3 s), which ends most such waits.
 * The first few are not cut but kept: a back end that waits for a standby cannot notice that its client has
 * gone, and each one cut is one more that waits.
 */
const commitLimitMs = 4_000

/**
 * Runs `fn` in a read-only transaction with one snapshot. What asks for the settings and the first statement
 * of `fn` travel together, and COMMIT is not waited for: a
 * read of one statement costs one round trip. If `fn` returns a query of drizzle's as it is (no `async`, no
 * `await`), it is known to be the only one; its snapshot is the
 * transaction's then, and neither BEGIN nor COMMIT is needed.
 * @throws {TransactionError} with the cause.
 */
export async function runRead<T>(attempt: ReadAttempt, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  const { pool, settings, before, position, along, check, acquire, limitMs, firstAnswerMs, queues } = attempt
  return onConnection(pool, acquire, limitMs, async (connection, limit, guard, mark) => {
    const line = openLine(connection.client, sqlComment())
    const handle = openHandle(line)
    const stopListening = onAbandonment(guard)
    const stopWaiting = awaitFirstAnswer(connection, guard, { firstAnswerMs, limit, queues })
    /** The server is there, however long what it has been asked may take. */
    const answered = () => {
      stopWaiting()
      connection.answered()
    }
    try {
      const returned = fn(handle.transaction)
      const alone = line.isEmpty() && isQuery(returned)
      mark.ended = alone
      const begun = (alone ? beginQuery() : beginSnapshot()).then(check)
      const value = await handle.run(begun, () => returned)
      if (!alone) {
        void finish(connection, guard, 'COMMIT')
        return value
      }
      guard.clear()
      connection.release(false)
      return value
    }
    finally {
      stopWaiting()
      stopListening()
    }

    /**
     * Of one query: settings, the query, and then the position that its snapshot lies before, asked for in
     * one breath so that nothing can part them.
     */
    function beginQuery(): Promise<ReadFindings> {
      const first = select([
        settingsIn([...settings, ['transaction_read_only', 'on']], limit),
        ...before,
        ...along,
      ])
      return new Promise((resolve, reject) => {
        handle.only = (ask) => {
          const begun = attempt.lateAnswer ? line.query(first) : line.queryPromptly(first)
          begun.then(answered, stopWaiting)
          const answer = ask()
          // Where the query fails, what was asked for before it can still tell that this server lacks
          // something.
          const located = line
            .query(select(position))
            .catch((error: unknown) => (before.length ? begun : Promise.reject(error as Error)))
          mark.answering = () => Promise.allSettled([answer, located])
          // A server that lacks something is left at once, and not once it has been at work on the query for
          // nothing.
          if (before.length) begun.then(one => attempt.checkBefore(rowOf(one))).catch(reject)
          Promise.all([begun, located]).then(
            ([one, other]) => resolve({ before: rowOf(one), position: rowOf(other) }),
            reject,
          )
          return answer
        }
      })
    }

    async function beginSnapshot(): Promise<ReadFindings> {
      // From the last to the first: `fn` may have asked for something at once.
      const located = line[attempt.lateAnswer ? 'queryFirst' : 'queryFirstPromptly'](
        select([settingsIn(settings, limit), ...position, ...along]),
      )
      located.then(answered, stopWaiting)
      const asked = before.length
        ? [line.queryFirst('COMMIT AND CHAIN'), line.queryFirst(select(before))]
        : []
      const opened = line.queryFirst('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      const [one, , , other] = await Promise.all([located, opened, ...asked])
      return { before: rowOf(other ?? one), position: rowOf(one) }
    }
  })
}

/**
 * Runs `fn` in one transaction. BEGIN with its settings and the first statement of `fn` travel together, as
 * does what stands before and after COMMIT.
 * @returns the value, and the answer to `after` (null where it could not be had).
 * @throws {TransactionError} with the cause.
 */
export async function runWrite<T>(
  attempt: WriteAttempt<T>,
  fn: (tx: Transaction) => Promise<T>,
): Promise<{ value: T, after: string | null }> {
  const { pool, settings, begin, check, end, after, distrust, committing } = attempt
  return onConnection(pool, {}, statementTimeoutMs, async (connection, limit, guard, mark) => {
    connection.takeReplicationWarning()
    const line = openLine(connection.client, sqlComment())
    const handle = openHandle(line)
    const stopListening = onAbandonment(guard)
    const begun = Promise.all([
      line.query('BEGIN'),
      line[attempt.lateAnswer ? 'query' : 'queryPromptly'](
        select([settingsIn(settings, limit), ...begin]),
      ),
    ])
      .then(async ([, result]) => {
        connection.answered()
        await check(rowOf(result))
        // What has been begun is finished: whoever repeats it finds its record.
      })
      .finally(stopListening)
    mark.distrust = distrust
    const value = await handle.run(begun, () => fn(handle.transaction))
    mark.commitSent = true
    const ended = committing(connection.cut)
    const before = [...end(value), beforeCommit].map(statement => line.query(statement))
    const committed = line.query('COMMIT')
    const locating = line.query(select([`${after} AS answer`])).then(
      result => rowOf(result).answer!,
      () => null,
    )
    committed.then(
      () => ended(true),
      (error: unknown) => ended(!isConnectionError(error)),
    )
    const [{ command }, answer] = await orKept(
      connection,
      guard,
      mark,
      Math.min(commitLimitMs, limit),
      Promise.all([committed, locating, ...before]),
    )
    // COMMIT of a transaction in which an error was swallowed answers ROLLBACK, and no error.
    if (command !== 'COMMIT') {
      mark.commitSent = false
      throw new Error('The transaction was rolled back: a failed statement inside it was ignored.')
    }
    if (connection.takeReplicationWarning()) throw new NotReplicatedError()
    guard.clear()
    connection.release(answer === null)
    return { value, after: answer }
  })
}

/** `answer`, or after `limitMs` an error: the connection is kept for it then, or cut if many are. */
async function orKept<T>(
  connection: Connection,
  guard: Guard,
  mark: Mark,
  limitMs: number,
  answer: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      if (!connection.park(answer)) return guard.fire()
      guard.clear()
      mark.kept = true
      reject(new CommitTimeoutError())
    }, limitMs)
  })
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer))
}

interface Mark {
  commitSent: boolean
  distrust: boolean
  /** There is no transaction that would have to be ended: PostgreSQL does that at the end of the batch. */
  ended: boolean
  /**
   * Resolves when all that was asked has been answered, where the caller may be told before; null: then it
   * has been.
   */
  answering: (() => Promise<unknown>) | null
  /** The connection waits for its COMMIT without us. */
  kept: boolean
}

/** What both have in common: a connection, its guard, and what becomes of them when the work fails. */
async function onConnection<R>(
  pool: Pool,
  acquire: AcquireOptions,
  limitMs: number,
  work: (connection: Connection, limit: number, guard: Guard, mark: Mark) => Promise<R>,
): Promise<R> {
  const mark: Mark = { commitSent: false, distrust: false, ended: false, answering: null, kept: false }
  let guard: Guard | null = null
  try {
    const connection = await pool.acquire(acquire)
    if (isAbandoned()) {
      connection.release(false)
      throw new AbandonedError()
    }
    const limit = remainingMs(Math.min(limitMs, statementTimeoutMs))
    if (limit <= 0) {
      connection.release(false)
      throw new DeadlineExceededError()
    }
    guard = guardConnection(connection, limit + clientGraceMs)
    try {
      return await work(connection, limit, guard, mark)
    }
    catch (error) {
      if (mark.kept) throw error
      // A server that only refused a statement still takes a ROLLBACK (the guard bounds it too). Any other
      // connection is thrown away, in the middle of
      // its transaction: PgBouncer then closes the server connection behind it as well, instead of giving it
      // to the next.
      const uncertain = guard.fired || mark.distrust || isConnectionError(error)
      if (uncertain) {
        guard.clear()
        connection.release(true)
      }
      else if (mark.ended) {
        void giveBack(connection, guard, mark.answering)
      }
      else {
        void finish(connection, guard, 'ROLLBACK')
      }
      throw error
    }
  }
  catch (error) {
    const verdict = (guard?.fired ?? false) && !guard?.excuse
    throw new TransactionError(guard?.excuse ?? error, {
      commitSent: mark.commitSent,
      silent: verdict && !guard?.passedOver,
      passedOver: verdict && guard?.passedOver,
    })
  }
}

/**
 * Ends the transaction without keeping anybody waiting: the connection goes back when the server has
 * answered.
 */
async function finish(connection: Connection, guard: Guard, statement: 'COMMIT' | 'ROLLBACK') {
  const ended = await connection.client.query(statement).then(() => true, () => false)
  guard.clear()
  connection.release(!ended)
}

/** The same where PostgreSQL ends the transaction by itself. */
async function giveBack(connection: Connection, guard: Guard, answering: Mark['answering']) {
  await answering?.()
  guard.clear()
  connection.release(guard.fired)
}

/** @throws {TypeError} A NUL would end the text early on its way. */
function select(expressions: string[]): string {
  const text = `SELECT ${expressions.join(', ')}`
  if (text.includes('\0')) throw new TypeError('A value for the database must not contain NUL')
  return text
}

function rowOf(result: pg.QueryResult): Row {
  return result.rows[0] as Row
}

/**
 * Settings of this transaction alone, as one expression: of each column node-postgres makes an object, and
 * nobody looks at these.
 */
function settingsIn(settings: Settings, limitMs: number): string {
  return [['statement_timeout', String(Math.ceil(limitMs))] as const, ...settings]
    .map(([name, value]) => `set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, true)`)
    .join(' || ')
}
