import pg from 'pg'
import type { Migration } from './migrations.ts'
import { setForRole, setForSession } from './session-settings.ts'

export interface MigrateOptions {
  /** Role that owns the schema; a direct connection, not through a pooler in transaction mode. */
  ownerUrl: string
  /**
   * Role of the serving instances: made if it is missing, made a member of `fleet_serving`, and refused if it
   * could pass by row-level security.
   */
  servingUrl: string
  migrations: Migration[]
  log?: (message: string) => void
}

/**
 * "fleet" in hexadecimal, as the key of the session-level advisory lock: two deploys at once run one after
 * the other.
 */
const lockKey = 0x666c656574n

/** Another migrator is given this long to finish before this one gives up. */
const lockTimeout = '60s'

/** Waiting behind a long query would queue all later ones behind us. Rather fail and be run again. */
const statementLockTimeout = '5s'

/** Days of partitions that exist ahead: a job that is broken for a week is noticed before it hurts. */
export const partitionDaysAhead = 14

/** The schema is not one that this code can migrate or use; waiting will not mend it. */
export class SchemaMismatchError extends Error {}

/**
 * Brings the schema up to date: each migration in a transaction of its own, under an advisory lock.
 * Idempotent; run once a deploy by the owner. Resolves to the numbers applied now.
 * @throws {SchemaMismatchError} when an applied migration has another text than the one here, or the schema
 * is newer than this code may touch.
 */
export async function migrate({
  ownerUrl,
  servingUrl,
  migrations,
  log = () => {},
}: MigrateOptions): Promise<number[]> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 10_000,
    application_name: 'fleet2-migrate',
  })
  client.on('error', () => {})
  await client.connect()
  try {
    // The owner's sessions may be set up in any way, too.
    await client.query(setForSession())
    await client.query(`SET lock_timeout = '${lockTimeout}'`)
    await client.query('SELECT pg_advisory_lock($1)', [lockKey.toString()])
    await client.query(`SET lock_timeout = '${statementLockTimeout}'`)
    await ensureServingGroup(client)
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, requires_code integer NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    const applied = await readApplied(client)
    checkApplied(applied, migrations)
    const done: number[] = []
    for (const migration of migrations.filter(({ number }) => !applied.some(row => row.number === number))) {
      log(`Migration ${migration.number} ${migration.name}`)
      await client.query('BEGIN')
      try {
        await client.query(migration.sql)
        await client.query(
          'INSERT INTO schema_migrations (number, name, checksum, requires_code) VALUES ($1, $2, $3, $4)',
          [migration.number, migration.name, migration.checksum, migration.requiresCode],
        )
        await client.query('COMMIT')
      }
      catch (error) {
        await client.query('ROLLBACK')
        throw new Error(
          `Migration ${migration.number} ${migration.name} failed: ${error instanceof Error ? error.message : error}`,
          { cause: error },
        )
      }
      done.push(migration.number)
    }
    await ensureServingRole(client, servingUrl)
    // Not where somebody migrates no further than to before it.
    const known = await client.query<{ known: boolean }>(
      `SELECT to_regprocedure('make_position_days_ahead(integer)') IS NOT NULL AS known`)
    if (known.rows[0]!.known) await client.query('SELECT make_position_days_ahead($1)', [partitionDaysAhead])
    return done
  }
  finally {
    await client.end()
  }
}

interface Applied { number: number, name: string, checksum: string, requires_code: number }

async function readApplied(client: pg.ClientBase): Promise<Applied[]> {
  return (
    await client.query<Applied>(
      'SELECT number, name, checksum, requires_code FROM schema_migrations ORDER BY number',
    )
  ).rows
}

function checkApplied(applied: Applied[], migrations: Migration[]) {
  const known = migrations.length
  for (const row of applied) {
    const migration = migrations[row.number - 1]
    if (migration && migration.checksum !== row.checksum) {
      throw new SchemaMismatchError(
        `Migration ${row.number} ${row.name} was changed after it had been applied. Put its text back and write a new migration.`,
      )
    }
    if (row.requires_code > known) {
      throw new SchemaMismatchError(
        `The database schema is newer than this version of Fleet2 can use (migration ${row.number} needs code that knows migration ${row.requires_code}; this one knows ${known}). Deploy a newer version.`,
      )
    }
  }
}

/**
 * Whether the schema is one that this code can serve on: `current`, or `behind` (migrations are still to be
 * run: wait).
 * @throws {SchemaMismatchError} when it is newer than the code can use. Connection errors pass through.
 */
export async function checkSchema(
  query: (sql: string) => Promise<{ rows: unknown[] }>,
  migrations: Migration[],
): Promise<'current' | 'behind'> {
  let applied: Applied[]
  try {
    applied = (
      await query('SELECT number, name, checksum, requires_code FROM schema_migrations ORDER BY number')
    ).rows as Applied[]
  }
  catch (error) {
    // undefined_table or insufficient_privilege: nothing has been migrated yet.
    if (['42P01', '42501'].includes((error as { code?: string }).code ?? '')) return 'behind'
    throw error
  }
  checkApplied(applied, migrations)
  return migrations.every(({ number }) => applied.some(row => row.number === number)) ? 'current' : 'behind'
}

/**
 * Roles belong to the whole server, so another database's migrator may be making the same one at this moment.
 */
async function ignoringDuplicate(action: Promise<unknown>) {
  try {
    await action
  }
  catch (error) {
    if (!['42710', '23505', 'XX000'].includes((error as { code?: string }).code ?? '')) throw error
  }
}

async function ensureServingGroup(client: pg.ClientBase) {
  const { rowCount } = await client.query(`SELECT 1 FROM pg_roles WHERE rolname = 'fleet_serving'`)
  if (!rowCount) await ignoringDuplicate(client.query('CREATE ROLE fleet_serving NOLOGIN'))
}

async function ensureServingRole(client: pg.ClientBase, servingUrl: string) {
  const url = new URL(servingUrl)
  const role = decodeURIComponent(url.username)
  const name = pg.escapeIdentifier(role)
  if (!role)
    throw new SchemaMismatchError('NUXT_DATABASE_URL names no user. The serving role must be named there.')
  const find = () =>
    client.query<{ rolsuper: boolean, rolbypassrls: boolean, owns: boolean, member: boolean }>(
      `
    SELECT rolsuper, rolbypassrls, EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid AND relname = 'organisations') AS owns,
      pg_has_role(r.oid, 'fleet_serving', 'member') AS member
    FROM pg_roles r WHERE rolname = $1`,
      [role],
    )
  if ((await find()).rowCount === 0) {
    await ignoringDuplicate(
      client.query(
        `CREATE ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(decodeURIComponent(url.password))}`,
      ),
    )
  }
  const found = (await find()).rows[0]!
  if (found.rolsuper || found.rolbypassrls || found.owns) {
    throw new SchemaMismatchError(
      `The role of NUXT_DATABASE_URL (${role}) is a superuser, may bypass row-level security or owns the tables. Use a role of its own that owns nothing, such as fleet_app; migrate makes it.`,
    )
  }
  // Concurrent ALTER ROLE of the same role from two databases fails with XX000 "tuple concurrently updated":
  // the other one did it.
  if (!found.member) await ignoringDuplicate(client.query(`GRANT fleet_serving TO ${name}`))
  // Start-up parameters do not pass PgBouncer; the role's own settings do. A transaction that its client left
  // open is ended: an instance that is frozen in the middle of one holds its rows and its operation, and
  // Nginx asks the next instance after 2 s. Instances leave no pauses of their own between statements.
  await ignoringDuplicate(client.query(`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '2s'`))
  // A back end that is at work does not notice by itself that its client has gone; and with it the locks it
  // holds. (A COMMIT that waits for its standby is not ended by this.)
  await ignoringDuplicate(client.query(`ALTER ROLE ${name} SET client_connection_check_interval = '500ms'`))
  const { rows: [here] } = await client.query<{ name: string }>('SELECT current_database() AS name')
  for (const statement of setForRole(role, here!.name)) await ignoringDuplicate(client.query(statement))
}
