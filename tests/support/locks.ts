import pg from 'pg'
import type { TestDatabase } from './postgres.ts'
import { until } from './until.ts'

/** Until so many of an instance's statements wait for a lock in this database. */
export async function untilWaiting(database: TestDatabase, number: number): Promise<void> {
  await until(
    async () => (await database.asOwner(`SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE NOT granted AND a.datname = current_database() AND a.usename <> current_user`)).length >= number,
    `${number} to wait for the lock`,
  )
}

/**
 * Runs `work` while nobody else gets at what `sql` locks; lets them at it in the order in which they came.
 */
export async function holding(
  database: TestDatabase, sql: string, work: () => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query(sql)
    await work()
    await client.query('COMMIT')
  }
  finally {
    await client.end()
  }
}
