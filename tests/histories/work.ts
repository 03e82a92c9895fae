import { sql, type SQL } from 'drizzle-orm'
import type { Queries, Transaction } from '../../server/database/port.ts'
import { NotFoundError } from '../../shared/errors.ts'
import type { Cluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import type { Action, Answer, FinalState } from './history.ts'

/**
 * Tables of the test's own, without row-level security: it is the router that is looked at. No unique key
 * stands on what must not be doubled, so that it could be.
 */
export async function createTables(cluster: Cluster): Promise<void> {
  await cluster.asOwner(`
    CREATE TABLE registers (key text PRIMARY KEY, version integer NOT NULL, value text NOT NULL);
    CREATE TABLE register_log (key text NOT NULL, version integer NOT NULL, value text NOT NULL);
    CREATE TABLE lists (list text PRIMARY KEY, length integer NOT NULL);
    CREATE TABLE list_entries (list text NOT NULL, position integer NOT NULL, id text NOT NULL, edits integer NOT NULL DEFAULT 0);
    CREATE TABLE edit_log (list text NOT NULL, edit text NOT NULL);
    CREATE INDEX ON list_entries (list, position);
    GRANT SELECT, INSERT, UPDATE ON registers, register_log, lists, list_entries, edit_log TO fleet_serving`)
  await cluster.caughtUp()
}

/**
 * What a change does in its transaction. @throws {NotFoundError} where what is to be edited is not there, as
 * the domain does.
 */
export async function change(tx: Transaction, action: Action, list: string): Promise<Answer> {
  switch (action.kind) {
    case 'write': {
      if (action.sleepMs)
        await tx.execute(sql`SELECT pg_sleep(${action.sleepMs / 1000}) ${mark(action.value)}`)
      const { rows } = await tx.execute<{
        version: number
      }>(sql`INSERT INTO registers AS r VALUES (${action.key}, 1, ${action.value})
        ON CONFLICT (key) DO UPDATE SET version = r.version + 1, value = excluded.value RETURNING version`)
      const { version } = rows[0]!
      await tx.execute(sql`INSERT INTO register_log VALUES (${action.key}, ${version}, ${action.value})`)
      return { kind: 'write', version }
    }
    case 'append': {
      const { rows } = await tx.execute<{ length: number }>(
        sql`INSERT INTO lists AS l VALUES (${list}, 1) ON CONFLICT (list) DO UPDATE SET length = l.length + 1 RETURNING length`,
      )
      const position = rows[0]!.length
      await tx.execute(sql`INSERT INTO list_entries VALUES (${list}, ${position}, ${action.id})`)
      return { kind: 'append', position }
    }
    case 'edit': {
      const { rowCount } = await tx.execute(
        sql`UPDATE list_entries SET edits = edits + 1 WHERE list = ${list} AND id = ${action.id}`,
      )
      if (!rowCount) throw new NotFoundError('entry')
      await tx.execute(sql`INSERT INTO edit_log VALUES (${list}, ${action.edit})`)
      return { kind: 'edit', found: true }
    }
    default: throw new TypeError(`${action.kind} changes nothing`)
  }
}

/** A read as its manner says. `statement` is what `executionsOf` counts it by. */
export async function look(
  queries: Queries,
  action: Action,
  list: string,
  statement: string,
): Promise<Answer> {
  if (action.kind === 'read') {
    const query = action.sleepMs
      ? sql`SELECT r.version, r.value FROM pg_sleep(${action.sleepMs / 1000}) LEFT JOIN registers AS r ON r.key = ${action.key} ${mark(statement)}`
      : sql`SELECT version, value FROM registers WHERE key = ${action.key}`
    const rows = await ask<{ version: number | null, value: string | null }>(queries, query, action.manner)
    return { kind: 'read', version: rows[0]?.version ?? 0, value: rows[0]?.value ?? null }
  }
  if (action.kind !== 'readList') throw new TypeError(`${action.kind} is no read`)
  const rows = await ask<{ id: string }>(
    queries,
    sql`SELECT id FROM list_entries WHERE list = ${list} ORDER BY position`,
    action.manner,
  )
  return { kind: 'readList', ids: rows.map(({ id }) => id) }
}

async function ask<Row extends Record<string, unknown>>(
  queries: Queries,
  query: SQL,
  manner: 'transaction' | 'query' | 'strong' = 'transaction',
): Promise<Row[]> {
  if (manner === 'query') return (await queries.read(tx => tx.execute<Row>(query))).rows as Row[]
  return queries.read(async tx => (await tx.execute<Row>(query)).rows as Row[], {
    consistency: manner === 'strong' ? 'strong' : 'session',
  })
}

/** A comment that makes a statement known on the wire. */
function mark(statement: string): SQL {
  return sql.raw(`/* ${statement} */`)
}

/** Counts the marked statements that the servers are given. Called with each statement on the way to them. */
export function countExecutions(cluster: Cluster): { of(statement: string): number, stop(): void } {
  const counted = new Map<string, number>()
  const count = (text: string) => {
    const statement = /\/\* (\S+) \*\//.exec(text)?.[1]
    if (statement) counted.set(statement, (counted.get(statement) ?? 0) + 1)
  }
  const wires = [cluster.balancer.write, cluster.balancer.read]
  for (const wire of wires) wire.onStatement(count)
  return {
    of: statement => counted.get(statement) ?? 0,
    stop: () => wires.forEach(wire => wire.onStatement(() => {})),
  }
}

/** From the primary, past the router; and every replica has to say the same. */
export async function readFinalState(cluster: Cluster, seed: number): Promise<FinalState> {
  // Back ends whose clients have gone may still commit what they were given.
  await until(
    async () =>
      (
        await cluster.asOwner(
          `SELECT FROM pg_stat_activity WHERE usename = 'fleet_app' AND xact_start IS NOT NULL`,
        )
      ).length === 0,
    'the last transactions to end',
  )
  await cluster.caughtUp()
  const states = await Promise.all([cluster.primary(), ...cluster.replicas()].map(async (node) => {
    const log = await cluster.ask<FinalState['log'][number]>(
      node,
      'SELECT key, version, value FROM register_log WHERE key LIKE $1 ORDER BY key, version, value',
      [`${seed}/%`],
    )
    const list = await cluster.ask<{ id: string }>(
      node,
      'SELECT id FROM list_entries WHERE list = $1 ORDER BY position, id',
      [`${seed}`],
    )
    const edits = await cluster.ask<{ edit: string }>(
      node,
      'SELECT edit FROM edit_log WHERE list = $1 ORDER BY edit',
      [`${seed}`],
    )
    return { log, list: list.map(({ id }) => id), edits: edits.map(({ edit }) => edit) }
  }))
  for (const state of states) {
    if (JSON.stringify(state) !== JSON.stringify(states[0]))
      throw new Error('A replica holds something else than the primary')
  }
  return states[0]!
}
