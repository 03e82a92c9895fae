import pg from 'pg'
import { sessionSettings } from '#server/database/session-settings.ts'
import { leftOut, restoredTables } from './tables.ts'

/** One of the two databases, in one read-only snapshot, under row-level security as one organisation. */
export interface Side {
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** Every table that has rows of an organisation. */
  tables: Map<string, Table>
  /** To which moment it was restored, as `undo.sh` says; null: it is no such copy. */
  restoredTo: string | null
  /** The newest migration. */
  schema: number
  close(): Promise<void>
}

/** What the catalogue says of a table with an organisation's rows. */
export interface Table {
  name: string
  /** All but the generated ones. */
  columns: string[]
  key: string[]
  /** Tables that its foreign keys lead to. */
  refersTo: string[]
}

/** What the operator can mend; the message says how, `exitCode` which of the documented ones it is. */
export class UndoError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}
export const exitCodes = {
  usage: 2,
  conflicts: 3,
  connection: 4,
  schema: 5,
  organisation: 6,
  wrongDatabase: 7,
}

/** A copy that has just been started answers at once; a pooler may be in the middle of a failover. */
const connectTimeoutMs = 10_000

/**
 * The serving role's own limit is 2 s, and one side waits while the other is read. PgBouncer's
 * `idle_transaction_timeout` is the same.
 */
const idleLimit = '60s'

/** Settings that decide how a row looks as text, and so what its hash is. */
const textSettings = ['DateStyle', 'IntervalStyle', 'TimeZone', 'bytea_output', 'extra_float_digits']

/** SQL that makes rows look the same on both sides until the end of the transaction. Passes a pooler. */
export const asEverywhere = `SELECT ${sessionSettings.filter(({ name }) => textSettings.includes(name))
  .map(({ name, value }) => `set_config('${name}', '${value}', true)`).join(', ')}`

/**
 * Opens one side, which stays one snapshot until it is closed.
 * @throws {UndoError} when it cannot be reached, its role could pass by row-level security, or a table of an
 * organisation is not under it.
 */
export async function openSide(name: string, url: string, organisationId: string): Promise<Side> {
  const client = new pg.Client({
    connectionString: url, connectionTimeoutMillis: connectTimeoutMs, application_name: 'fleet2-undo',
  })
  // Its end is met by the next query.
  client.on('error', () => {})
  const close = () => client.end().catch(() => {})
  try {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query(
      `${asEverywhere}, set_config('search_path', 'public', true),
      set_config('row_security', 'on', true), set_config('idle_in_transaction_session_timeout', '${idleLimit}', true),
      set_config('app.organisation_id', $1, true)`,
      [organisationId],
    )
  }
  catch (error) {
    await close()
    const said = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error)
    throw new UndoError(
      `The ${name} cannot be reached: ${said.replace(/^\w*[eE]rror: /, '')}`,
      exitCodes.connection,
    )
  }
  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await client.query(text, values)).rows as Row[]
  try {
    await refuseUnsafeRole(name, query)
    return {
      query, close,
      tables: await readTables(name, query),
      restoredTo: await restoredTo(query),
      schema: await schemaOf(name, query),
    }
  }
  catch (error) {
    await close()
    throw error
  }
}

/**
 * Whether the two are a copy and the running system, and can be held against each other.
 * @throws {UndoError} saying what is wrong and what would be right.
 */
export async function refuseMismatch(past: Side, present: Side): Promise<void> {
  if (present.restoredTo !== null) {
    throw new UndoError(
      'NUXT_DATABASE_URL leads to a restored copy and not to the running system: the two addresses '
      + 'are the wrong way round.',
      exitCodes.wrongDatabase,
    )
  }
  if (past.restoredTo === null) {
    throw new UndoError(
      'What --copy leads to does not say to which moment it was restored: it is no copy that '
      + 'deploy/scripts/undo.sh has opened.',
      exitCodes.wrongDatabase,
    )
  }
  if (past.schema !== present.schema) {
    const behind = past.schema < present.schema
    throw new UndoError(
      `The copy has the schema of migration ${past.schema}, the running system that of migration `
      + `${present.schema}. ${
        behind
          ? 'Bring the copy up to it: npm run db:migrate with NUXT_DATABASE_MIGRATION_URL and NUXT_DATABASE_URL of the copy.'
          : 'Migrate the running system first.'
      }`,
      exitCodes.schema,
    )
  }
}

type Query = Side['query']

async function refuseUnsafeRole(name: string, query: Query) {
  const [role] = await query<{ name: string, unsafe: boolean }>(
    'SELECT rolname AS name, rolsuper OR rolbypassrls AS unsafe FROM pg_roles WHERE rolname = current_user')
  if (role!.unsafe) {
    throw new UndoError(
      `The role ${role!.name} of the ${name} may pass by row-level security and would see every `
      + 'organisation. Use the serving role, that of NUXT_DATABASE_URL.',
      exitCodes.wrongDatabase,
    )
  }
}

/**
 * The tables with an organisation's rows, from the catalogue.
 * @throws {UndoError} for one that is not under forced row-level security.
 */
export async function readTables(name: string, query: Query): Promise<Map<string, Table>> {
  const rows = await query<Table & { secured: boolean }>(`
    SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS secured,
      array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
      array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
        AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
      array(SELECT DISTINCT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.oid <> c.oid) AS "refersTo"
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (c.relname = 'organisations' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
        AND a.attname = 'organisation_id' AND NOT a.attisdropped))
    ORDER BY c.relname`)
  const open = rows.filter(({ secured }) => !secured).map(row => row.name)
  if (open.length) {
    throw new UndoError(
      `${open.join(', ')} of the ${name} is not under forced row-level security: rows of other `
      + 'organisations could be read.',
      exitCodes.wrongDatabase,
    )
  }
  return new Map(rows.map(({ name, columns, key, refersTo }) => [name, { name, columns, key, refersTo }]))
}

/** Tables that nobody has said about whether they come back. A test fails for them. */
export function undecidedTables(tables: Iterable<string>): string[] {
  return [...tables].filter(name => !(name in restoredTables) && !(name in leftOut))
}

/** The tables that come back, each behind those that its foreign keys lead to. */
export function inOrder(tables: Map<string, Table>): Table[] {
  const done: Table[] = []
  const visit = (table: Table, above: string[]) => {
    if (done.includes(table) || above.includes(table.name)) return
    for (const name of table.refersTo)
      if (name in restoredTables && tables.has(name)) visit(tables.get(name)!, [...above, table.name])
    done.push(table)
  }
  for (const name of Object.keys(restoredTables)) if (tables.has(name)) visit(tables.get(name)!, [])
  return done
}

async function restoredTo(query: Query): Promise<string | null> {
  const [row] = await query<{ moment: string | null }>(
    'SELECT current_setting(\'fleet2.restored_to\', true) AS moment',
  )
  return row!.moment || null
}

async function schemaOf(name: string, query: Query): Promise<number> {
  const rows = await query<{ number: number }>('SELECT max(number) AS number FROM schema_migrations').catch(
    () => [],
  )
  if (!rows[0]?.number) {
    throw new UndoError(
      `The ${name} has no schema of Fleet2: is it the right database?`,
      exitCodes.wrongDatabase,
    )
  }
  return rows[0].number
}
