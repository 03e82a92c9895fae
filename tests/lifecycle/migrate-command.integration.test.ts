import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'

const output = fileURLToPath(new URL('../../.output', import.meta.url))
const name = `test_${randomBytes(6).toString('hex')}`
const at = (url: string, database: string) => Object.assign(new URL(url), { pathname: `/${database}` }).href
let folder: string

async function asOwner<Row>(database: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: at(inject('debianOwnerUrl'), database) })
  await client.connect()
  try {
    return (await client.query(sql)).rows as Row[]
  }
  finally {
    await client.end()
  }
}

/** As in the image: the build, and no source tree and no packages beside it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-migrate-'))
  for (const part of ['scripts', 'server/database'])
    await cp(join(output, part), join(folder, '.output', part), { recursive: true })
  await asOwner('postgres', `CREATE DATABASE ${name}`)
})
afterAll(async () => {
  await asOwner('postgres', `DROP DATABASE ${name} WITH (FORCE)`)
  await rm(folder, { recursive: true })
})

const migrate = (env: Record<string, string>) =>
  promisify(execFile)(process.execPath, [join(folder, '.output/scripts/migrate.mjs')], { cwd: folder, env })

it('the build carries the migrate command: it makes the whole schema, twice the same', async () => {
  const env = {
    NUXT_DATABASE_MIGRATION_URL: at(inject('debianOwnerUrl'), name),
    NUXT_DATABASE_URL: at(inject('debianServingUrl'), name),
    SESSION_PASSWORD: 'a-password-for-tests-of-at-least-32-characters',
  }
  expect((await migrate(env)).stdout).toMatch(/The schema is current: \d+ migrations? applied/)
  expect((await migrate(env)).stdout).toContain('The schema was current already')
  const tables = async (database: string) =>
    asOwner(
      database,
      `SELECT count(*)::int AS tables FROM information_schema.tables WHERE table_schema = 'public' AND table_name !~ '_20\\d\\d'`,
    )
  expect(await tables(name)).toEqual(await tables('fleet'))
})

it('without its addresses it says what it needs, and ends with the code of a bad configuration', async () => {
  await expect(migrate({})).rejects.toMatchObject({
    code: 78,
    stderr: expect.stringContaining('NUXT_DATABASE_MIGRATION_URL'),
  })
})

it('the build carries the undo command too, which says what it needs', async () => {
  const undo = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(folder, '.output/scripts/undo.mjs'), ...args], {
      cwd: folder,
      env: {},
    })
  expect((await undo('--help')).stdout).toContain('compare | apply')
  const compare = ['compare', '--copy', '/nowhere', '--organisation', '01939f7e-3c1a-7c6e-9d0b-6d1f2a3b4c5d']
  await expect(undo(...compare)).rejects.toMatchObject({
    code: 78,
    stderr: expect.stringContaining('NUXT_DATABASE_URL'),
  })
})
