import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '#server/database/migrate.ts'
import { migrationsFromFolder } from '#server/database/migrations.ts'
import { wrongSettings } from '#server/database/session-settings.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const migrations = await migrationsFromFolder(
  fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
)
let database: TestDatabase
let name: string
beforeAll(async () => {
  database = await createTestDatabase()
  name = new URL(database.servingUrl).pathname.slice(1)
})
afterAll(() => database.drop())

async function inSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: database.servingUrl })
  await client.connect()
  try {
    return await work(client)
  }
  finally {
    await client.end()
  }
}

describe('what a commit waits for', () => {
  it.each([
    ['off', false],
    ['local', false],
    ['remote_write', false],
    ['on', true],
    ['remote_apply', true],
  ])('%s: enough is %s', async (value, enough) => {
    await database.asOwner(`ALTER DATABASE ${name} SET synchronous_commit = ${value}`)
    const wrong = await inSession(client => wrongSettings(sql => client.query(sql)))
    const found = wrong.filter(words => words.startsWith('synchronous_commit'))
    expect(found).toEqual(
      enough ? [] : [expect.stringContaining(`synchronous_commit is "${value}" and must be "on"`)],
    )
  })
  it('is not changed by what the database is set to, once the serving role has been set up', async () => {
    await database.asOwner(`ALTER DATABASE ${name} SET synchronous_commit = off`)
    await migrate({ ownerUrl: database.ownerUrl, servingUrl: database.servingUrl, migrations })
    expect(await inSession(async client => (await client.query('SHOW synchronous_commit')).rows)).toEqual([
      { synchronous_commit: 'on' },
    ])
    expect(await inSession(client => wrongSettings(sql => client.query(sql)))).toEqual([])
  })
})
