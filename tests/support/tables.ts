import type { TestDatabase } from './postgres.ts'

/** What the program itself empties or fills, whoever asks for what. */
const ownBusiness = ['outbox', 'job_schedules']

/**
 * The tables that have rows of organisations, by the catalogue: a new one is among them. Of a table in parts
 * the whole alone.
 */
export async function organisationTables(database: TestDatabase): Promise<string[]> {
  const tables = await database.asOwner<{ name: string }>(`
    SELECT c.relname AS name FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY 1`)
  const names = tables.map(({ name }) => name).filter(name => !ownBusiness.includes(name))
  if (names.length < 10) throw new Error(`Not all tables are found: ${names.join(', ')}`)
  return names
}

/** The rows of one organisation, by table, in an order of their own. */
export async function rowsOfOrganisation(
  database: TestDatabase, organisationId: string,
): Promise<Record<string, Record<string, unknown>[]>> {
  const names = await organisationTables(database)
  return Object.fromEntries(await Promise.all(names.map(async name => [name, await database.asOwner(
    `SELECT * FROM ${name} t WHERE organisation_id = $1 ORDER BY t::text`, [organisationId])] as const)))
}

/** The program itself works on these rows: which there are counts, and not how far they have come. */
const workedOn = ['jobs', 'mails']

/** The rows of all organisations, as one sum a table. */
export async function sumsOfRows(database: TestDatabase): Promise<object[]> {
  const names = await organisationTables(database)
  return Promise.all(names.map(async (name) => {
    const row = workedOn.includes(name) ? 't.id::text' : 't::text'
    return [name, await database.asOwner(
      `SELECT count(*), md5(coalesce(string_agg(${row}, '|' ORDER BY ${row}), '')) FROM ${name} t
        -- The program's own jobs run by the clock.
        WHERE organisation_id IS NOT NULL`)]
  }))
}
