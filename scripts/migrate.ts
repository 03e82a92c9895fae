import { fileURLToPath } from 'node:url'
import packageJson from '../package.json' with { type: 'json' }
import { ConfigurationError, configurationExitCode, loadConfig } from '../server/config/load.ts'
import { migrate } from '../server/database/migrate.ts'
import { migrationsFromFolder } from '../server/database/migrations.ts'

/**
 * `npm run db:migrate`: brings the schema up to date as the owner role. Run it once a deploy, before the new
 * instances start.
 */
try {
  const config = loadConfig(process.env, packageJson.version)
  if (!config.databaseMigrationUrl || !config.databaseUrl) {
    throw new ConfigurationError([
      'NUXT_DATABASE_MIGRATION_URL (the owner role) and NUXT_DATABASE_URL (the serving role) must both be set. The embedded database migrates itself.',
    ])
  }
  const migrations = await migrationsFromFolder(
    fileURLToPath(new URL('../server/database/migrations', import.meta.url)),
  )
  const done = await migrate({
    ownerUrl: config.databaseMigrationUrl,
    servingUrl: config.databaseUrl,
    migrations,
    log: message => console.log(message),
  })
  console.log(
    done.length
      ? `The schema is current: ${done.length} migration${done.length === 1 ? '' : 's'} applied.`
      : 'The schema was current already.',
  )
  // Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
  process.exit(0)
}
catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(error instanceof ConfigurationError ? configurationExitCode : 1)
}
