import { NodePgDatabase, NodePgSession } from 'drizzle-orm/node-postgres'
import { PgDialect } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import type { Line, Statement } from './batch.ts'
import type { Transaction } from './port.ts'

/** One for all: it holds no state. */
const dialect = new PgDialect()

/** What drizzle asks of node-postgres. */
interface Client {
  query(config: Statement, values?: unknown[]): Promise<pg.QueryResult>
}

const clients = new WeakMap<Transaction, Client>()

/** What a transaction's queries are sent over, for those that drizzle does not send (`prepared.ts`). */
export function clientOf(tx: Transaction): Client {
  const client = clients.get(tx)
  if (!client) throw new TypeError('Not a transaction of the router')
  return client
}

export interface Handle {
  transaction: Transaction
  /**
   * Runs `fn` while `begun` is still under way. Its statements are on the wire at once; their answers count
   * only once that has been found good.
   */
  run<T>(begun: Promise<void>, fn: () => Promise<T>): Promise<T>
  /** Where there is to be one statement alone: asks for it, with what belongs around it. */
  only: ((ask: () => Promise<pg.QueryResult>) => Promise<pg.QueryResult>) | null
}

/** drizzle on one line, for one transaction. */
export function openHandle(line: Line): Handle {
  let begun: Promise<void> | null = null
  let ended = false
  /** What the server said to one of the statements of `fn`. */
  let refusal: unknown
  const client: Client = {
    async query(config: Statement, values?: unknown[]): Promise<pg.QueryResult> {
      // A handle that was kept past its function would write into somebody else's transaction.
      if (ended) throw new Error('This transaction is over; its handle must not be used any more.')
      const ask = () => line.query(config, values)
      const answer = handle.only ? handle.only(ask) : ask()
      answer.catch((error: unknown) => {
        refusal = error
      })
      if (handle.only) ended = true
      await begun
      return answer
    },
  }
  const handle: Handle = {
    transaction: new NodePgDatabase(
      dialect,
      new NodePgSession(client as unknown as pg.Client, dialect, undefined),
      undefined,
    ) as Transaction,
    only: null,
    async run(opening, fn) {
      begun = opening
      opening.catch(() => {})
      try {
        const value = await fn()
        ended = true
        await opening
        return value
      }
      catch (error) {
        // A query that could not be written down: nothing was sent, and nothing will be answered.
        if (handle.only && !ended) throw error
        // What BEGIN met is the cause of what followed; but where the one query itself failed, drizzle's
        // error has its text.
        await opening.catch((met: unknown) => {
          throw met === refusal ? error : met
        })
        throw error
      }
      finally {
        ended = true
      }
    },
  }
  clients.set(handle.transaction, client)
  return handle
}

/** One of drizzle's queries, which is sent only when somebody waits for it. */
export function isQuery(value: unknown): boolean {
  return (
    typeof value === 'object'
    && value !== null
    && !(value instanceof Promise)
    && 'then' in value
    && 'execute' in value
  )
}
