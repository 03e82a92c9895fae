import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    ownerUrl: string
    servingUrl: string
    /** The same on Debian's own PostgreSQL. */
    debianOwnerUrl: string
    debianServingUrl: string
  }
}

/**
 * Two real PostgreSQLs for the whole run, the embedded one and Debian's, each with a migrated database that
 * test files clone.
 */
export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-test-'))
  // PostgreSQL runs as another user where this is root, and must be able to pass through.
  await chmod(folder, 0o755)
  const options = { log: () => {}, durable: false, tcp: true }
  const [embedded, debian] = await Promise.all([
    startEmbeddedPostgres({ directory: join(folder, 'embedded'), ...options }),
    startEmbeddedPostgres({
      directory: join(folder, 'debian'),
      installation: debianInstallation(),
      ...options,
    }),
  ])
  const migrations = await migrationsFromFolder(
    fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
  )
  for (const { ownerUrl, servingUrl } of [embedded, debian])
    await migrate({ ownerUrl, servingUrl, migrations })
  project.provide('ownerUrl', embedded.ownerUrl)
  project.provide('servingUrl', embedded.servingUrl)
  project.provide('debianOwnerUrl', debian.ownerUrl)
  project.provide('debianServingUrl', debian.servingUrl)
  return async () => {
    await Promise.all([embedded.stop(), debian.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}

/** The newest of the system's. @throws when there is none. */
function debianInstallation(): string {
  const root = '/usr/lib/postgresql'
  const version = existsSync(root)
    ? readdirSync(root)
      .filter(name => existsSync(join(root, name, 'bin/initdb')))
      .sort((a, b) => Number(b) - Number(a))[0]
    : undefined
  if (!version)
    throw new Error('The integration tests need Debian\'s postgresql package: npm test installs it')
  return join(root, version)
}
