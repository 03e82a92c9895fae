import { inArray, sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { outbox } from '#server/database/schema/outbox.ts'
import type { OutboxEntry } from './changes.ts'

/** An instance that claims rows has this long to publish and delete them; then another may claim them. */
const leaseSeconds = 10

/**
 * Claims up to `limit` rows that are due, oldest first, skipping those that another instance is claiming. For
 * 10 s.
 */
export async function claimDueEntries(database: Database, limit: number): Promise<OutboxEntry[]> {
  const rows = await database.withKey('relay', 'on').write(
    async tx =>
      (
        await tx.execute<{
          id: string
          organisation_id: string
          name: OutboxEntry['name']
          data: Record<string, unknown>
        }>(sql`
    UPDATE outbox SET due_at = now() + make_interval(secs => ${leaseSeconds})
    WHERE id IN (SELECT id FROM outbox WHERE due_at < now() ORDER BY due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id, organisation_id, name, data, created_at`)
      ).rows,
    { repeatable: true },
  )
  return rows.map(({ id, organisation_id: organisationId, name, data }) => ({
    id,
    organisationId,
    name,
    data,
  }))
}

/** Makes rows due again that were claimed and could not be published. */
export async function releaseEntries(database: Database, ids: string[]): Promise<void> {
  await database.withKey('relay', 'on').write(
    async tx =>
      (
        await tx
          .update(outbox)
          .set({ dueAt: sql`now()` })
          .where(inArray(outbox.id, ids))
      ).rowCount,
    { repeatable: true },
  )
}

/**
 * Rows per statement: 100,000 take some seconds here, and what takes longer than a turn would start over for
 * ever.
 */
const maxAtOnce = 50_000

/**
 * Replaces the rows of every organisation that has more than `maxRows` with one `resync`. Resolves to the
 * number of rows replaced. Two instances that do this at once take different rows.
 */
export async function collapseBacklog(database: Database, maxRows: number): Promise<number> {
  return database.withKey('relay', 'on').write(async (tx) => {
    const { rows } = await tx.execute<{ gone: number }>(sql`
      WITH crowded AS (
        SELECT organisation_id FROM outbox GROUP BY organisation_id HAVING count(*) > ${maxRows}
      ), taken AS (
        SELECT id FROM outbox WHERE organisation_id IN (SELECT organisation_id FROM crowded) LIMIT ${maxAtOnce} FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM outbox WHERE id IN (SELECT id FROM taken) RETURNING organisation_id
      ), marked AS (
        INSERT INTO outbox (id, organisation_id, name, due_at) SELECT gen_random_uuid(), organisation_id, 'resync', now() FROM gone GROUP BY organisation_id
      )
      SELECT count(*)::int AS gone FROM gone`)
    return rows[0]!.gone
  }, { repeatable: true })
}

/** How many rows there are, and how old the oldest is. */
export async function pendingEntries(database: Database): Promise<{ rows: number, oldestSeconds: number }> {
  return database.withKey('relay', 'on').read(async (tx) => {
    const { rows } = await tx.execute<{ n: number, oldest: number }>(sql`
      SELECT count(*)::int AS n, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest FROM outbox`)
    return { rows: rows[0]!.n, oldestSeconds: rows[0]!.oldest }
  }, { consistency: 'eventual' })
}
