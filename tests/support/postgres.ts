import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  /** The owner's URL: for looking behind row-level security, and for faults. */
  ownerUrl: string
  servingUrl: string
  /** Runs SQL as the superuser, past row-level security. */
  asOwner<Row extends object = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>
  drop(): Promise<void>
}

/**
 * A database of the test file's own: a clone of the migrated one, in a few dozen milliseconds; or of another
 * test's, which nobody may be connected to at that moment.
 */
export async function createTestDatabase(
  server: 'embedded' | 'debian' = 'embedded', template = 'fleet',
): Promise<TestDatabase> {
  const [templateOwnerUrl, templateServingUrl] = server === 'embedded'
    ? [inject('ownerUrl'), inject('servingUrl')]
    : [inject('debianOwnerUrl'), inject('debianServingUrl')]
  const name = `test_${randomBytes(6).toString('hex')}`
  const at = (url: string, database: string) =>
    url.replace('/fleet?', `/${database}?`).replace(/\/fleet$/, `/${database}`)
  const admin = async (sql: string) => {
    const client = new pg.Client({ connectionString: at(templateOwnerUrl, 'postgres') })
    await client.connect()
    try {
      // A clone needs its template idle for a moment; other files clone at the same time.
      for (let attempt = 0; ; attempt++) {
        try {
          return await client.query(sql)
        }
        catch (error) {
          if ((error as { code?: string }).code !== '55006' || attempt > 100) throw error
          await new Promise(resolve => setTimeout(resolve, 50))
        }
      }
    }
    finally {
      await client.end()
    }
  }
  await admin(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  const ownerUrl = at(templateOwnerUrl, name)
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 2 })
  owner.on('error', () => {})
  return {
    ownerUrl,
    servingUrl: at(templateServingUrl, name),
    async asOwner<Row extends object>(sql: string, values: unknown[] = []) {
      return (await owner.query(sql, values)).rows as Row[]
    },
    async drop() {
      await owner.end()
      await admin(`DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}
