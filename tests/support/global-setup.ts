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
  }
}

/** One real PostgreSQL for the whole run, with a migrated database that each test file clones. */
export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-test-'))
  // PostgreSQL runs as another user where this is root, and must be able to pass through.
  await chmod(folder, 0o755)
  const server = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, durable: false, tcp: true })
  const migrations = await migrationsFromFolder(fileURLToPath(new URL('../../server/database/migrations', import.meta.url)))
  await migrate({ ownerUrl: server.ownerUrl, servingUrl: server.servingUrl, migrations })
  project.provide('ownerUrl', server.ownerUrl)
  project.provide('servingUrl', server.servingUrl)
  return async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
