import { join } from 'node:path'
import type { Config } from '#server/config/load.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#server/database/embedded.ts'
import { migrate, SchemaMismatchError } from '#server/database/migrate.ts'
import type { Migration } from '#server/database/migrations.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import { startDemo } from './demo.ts'
import { startJobs } from './jobs.ts'
import { openServices, type Services } from './services.ts'

export interface Instance {
  services: Services
  /** What stops before the services do: jobs, the demo. */
  stopWork(): Promise<void>
  /** What stops after them. */
  embedded: EmbeddedPostgres | null
}

/** Between two looks at a schema that is not current, or a database that cannot be asked. */
const schemaPauseMs = 1_000

/**
 * Starts the instance, in this order: embedded database (where no other is given), services, health, schema, jobs. Resolves when it is ready to serve; it
 * waits for nothing that may stay away: with the database unreachable it serves what it can, and says so.
 * @throws {SchemaMismatchError} when the schema is newer than this code can use.
 */
export async function startInstance({ config, log, migrations, onStatus }: { config: Config, log: Logger, migrations: Migration[], onStatus: () => void }): Promise<Instance> {
  let embedded: EmbeddedPostgres | null = null
  if (config.embeddedDatabase) {
    log.info(`Embedded mode, for one instance on one machine: data in ${config.dataDirectory}. For high availability give it PostgreSQL and Redis (docs/configuration.md).`)
    embedded = await startEmbeddedPostgres({ directory: join(config.dataDirectory, 'postgres'), log: message => log.info(message) })
    await migrate({ ownerUrl: embedded.ownerUrl, servingUrl: embedded.servingUrl, migrations, log: message => log.info(message) })
  }
  if (config.embeddedRedis) log.info('Without NUXT_REDIS_URL sessions, cache and live events are kept in this process')

  const services = openServices({ config, log, databaseUrl: embedded?.servingUrl ?? config.databaseUrl! })
  const { health, database } = services
  health.onChange(onStatus)
  health.start()

  const stopping = new AbortController()
  const work: Promise<{ stop(): Promise<void> }>[] = []
  const begin = () => {
    work.push(Promise.resolve(startJobs(services)))
    if (config.demo) work.push(startDemo(services))
  }
  if (await schemaIsCurrent({ database, migrations, log, signal: stopping.signal, onLater: () => {
    health.setPhase('running')
    begin()
  } })) {
    health.setPhase('running')
    begin()
  }
  return {
    services,
    embedded,
    async stopWork() {
      stopping.abort()
      await Promise.allSettled(work.map(async started => (await started).stop()))
    },
  }
}

/**
 * Whether the instance may serve. A schema that is behind: not before it has been migrated, `onLater` then. A database that cannot be asked: yes; the
 * schema is looked at as soon as it can be.
 */
async function schemaIsCurrent({ database, migrations, log, signal, onLater }: {
  database: Services['database']
  migrations: Migration[]
  log: Logger
  signal: AbortSignal
  onLater: () => void
}): Promise<boolean> {
  const look = () => database.checkSchema(migrations).catch((error: unknown) => {
    if (error instanceof SchemaMismatchError) throw error
    return 'unreachable' as const
  })
  const first = await look()
  if (first === 'current') return true
  log.warn(first === 'behind'
    ? 'The database schema is behind this version. Run npm run db:migrate; this instance waits for it.'
    : 'The database cannot be reached. This instance serves what it can and recovers by itself.')
  void (async () => {
    let state: string = first
    while (state !== 'current' && !signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, schemaPauseMs))
      state = await look()
    }
    if (signal.aborted) return
    log.info('The database is reachable and its schema is current')
    onLater()
  })().catch((error: unknown) => {
    log.fatal({ err: error }, String(error instanceof Error ? error.message : error))
    process.exit(1)
  })
  return false
}
