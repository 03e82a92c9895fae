import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#server/database/embedded.ts'
import { migrate } from '#server/database/migrate.ts'
import { migrationsFromFolder } from '#server/database/migrations.ts'
import { find, objectsOf } from '../../deploy/kubernetes/objects.ts'

/**
 * CloudNativePG gives nobody a superuser: the owner of the schema is what deploy/kubernetes says of him. A
 * server of its own, because roles are the whole server's, and the other tests' are a superuser's.
 */
interface ManagedRole {
  name: string
  superuser?: boolean
  createrole?: boolean
  bypassrls?: boolean
  inRoles?: string[]
}
const cluster = find(objectsOf('base'), 'Cluster', 'fleet2-db').spec
const managed = cluster.managed.roles as ManagedRole[]
const role = managed.find(({ name }) => name === cluster.bootstrap.initdb.owner)!

let folder: string
let server: EmbeddedPostgres
const passwords = { owner: randomBytes(12).toString('hex'), serving: randomBytes(12).toString('hex') }
const url = (user: string, password: string) => {
  const address = new URL(server.ownerUrl)
  return `postgresql://${user}:${password}@${address.hostname}:${address.port}/application`
}
const run = async <Row extends object>(connectionString: string, text: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(text, values)).rows as Row[]
  }
  finally {
    await client.end()
  }
}
const ownerUrl = () => url('application', passwords.owner)
const servingUrl = () => url('fleet_app', passwords.serving)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-owner-'))
  await chmod(folder, 0o755)
  const directory = join(folder, 'pg')
  server = await startEmbeddedPostgres({ directory, log: () => {}, durable: false, tcp: true })
  const may = [role.createrole && 'CREATEROLE', role.bypassrls && 'BYPASSRLS'].filter(Boolean).join(' ')
  await run(server.ownerUrl, `CREATE ROLE application LOGIN PASSWORD '${passwords.owner}' ${may}`)
  for (const group of role.inRoles ?? []) await run(server.ownerUrl, `GRANT ${group} TO application`)
  await run(server.ownerUrl, 'CREATE DATABASE application OWNER application')
})
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

it('the owner of deploy/kubernetes, who is no superuser, brings the schema up to date', async () => {
  expect(role.superuser ?? false).toBe(false)
  const place = fileURLToPath(new URL('../../server/database/migrations', import.meta.url))
  const migrations = await migrationsFromFolder(place)
  const options = { ownerUrl: ownerUrl(), servingUrl: servingUrl(), migrations }
  expect(await migrate(options)).toHaveLength(migrations.length)
  expect(await migrate(options)).toEqual([])
  const [{ rolsuper }] = await run<{ rolsuper: boolean }>(ownerUrl(),
    'SELECT rolsuper FROM pg_roles WHERE rolname = current_user') as [{ rolsuper: boolean }]
  expect(rolsuper).toBe(false)
})

it('and he sees what a migration must see: everybody\'s rows, and how far the replicas are', async () => {
  const insert = 'INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), \'one\') RETURNING id'
  expect(await run(ownerUrl(), insert)).toHaveLength(1)
  expect(await run(ownerUrl(), 'SELECT 1 FROM organisations')).toHaveLength(1)
  // Nobody sees it without saying whose he is.
  expect(await run(servingUrl(), 'SELECT 1 FROM organisations')).toEqual([])
  const may = await run<{ may: boolean }>(ownerUrl(),
    'SELECT pg_has_role(current_user, \'pg_read_all_stats\', \'USAGE\') AS may')
  expect(may).toEqual([{ may: true }])
})
