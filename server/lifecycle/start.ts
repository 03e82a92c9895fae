import { join } from 'node:path'
import { noticeChanges } from '#server/cluster/notice.ts'
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
}

/** What ends the embedded database, as soon as there is something to end. */
let stopEmbedded: () => Promise<void> = async () => {}

/** Ends the embedded database if this process keeps one, also one that is still being started. */
export function endEmbeddedDatabase(): Promise<void> {
  return stopEmbedded()
}

/** Between two looks at a schema that is not current, or a database that cannot be asked. */
const schemaPauseMs = 1_000

/**
 * Starts the instance, in this order: embedded database (where no other is given), services, health, schema,
 * jobs. Resolves when it is ready to serve; it waits for nothing that may stay away: with the database
 * unreachable it serves what it can, and says so.
 * @throws {SchemaMismatchError} when the schema is newer than this code can use.
 */
export async function startInstance({ config, log, migrations, onStatus, warmUp }: {
  config: Config
  log: Logger
  migrations: Migration[]
  onStatus: () => void
  /**
   * What the first people would otherwise wait for, before the balancer sends them. Never rejects: its
   * failure is no reason not to serve.
   */
  warmUp: () => Promise<void>
}): Promise<Instance> {
  let embedded: EmbeddedPostgres | null = null
  if (config.embeddedDatabase) {
    log.info(
      `Embedded mode, for one instance on one machine: data in ${config.dataDirectory}. For high availability give it PostgreSQL and Redis (docs/configuration.md).`,
    )
    embedded = await startEmbeddedPostgres({
      directory: join(config.dataDirectory, 'postgres'), log: message => log.info(message),
      onStarting: (stop) => {
        stopEmbedded = stop
      },
    })
    await migrate({
      ownerUrl: embedded.ownerUrl,
      servingUrl: embedded.servingUrl,
      migrations,
      log: message => log.info(message),
    })
  }
  if (config.embeddedRedis)
    log.info('Without NUXT_REDIS_URL sessions, cache and live events are kept in this process')

  const services = openServices({ config, log, databaseUrl: embedded?.servingUrl ?? config.databaseUrl! })
  const { health, statusPage, database } = services
  const notice = noticeInstance(services)
  health.onChange(onStatus)
  health.onChange(() => notice.look())
  await Promise.all([health.start(), warmUp()])
  statusPage.start()

  const stopping = new AbortController()
  const work: Promise<{ stop(): Promise<void> }>[] = []
  const begin = () => {
    services.outbox.start()
    if (config.role === 'gateway') return
    work.push(Promise.resolve(startJobs(services)))
    if (config.demo) work.push(startDemo(services))
  }
  await watchSchema({
    database,
    migrations,
    log,
    signal: stopping.signal,
    // Unreachable for now: the instance serves what it can and says so. Behind, or with sessions that it
    // would misread: it must not serve until that has been mended.
    onState: (state, why) =>
      health.setPhase(state === 'behind' || state === 'misconfigured' ? 'starting' : 'running', why),
    onCurrent: begin,
  })
  return {
    services,
    async stopWork() {
      stopping.abort()
      notice.stop()
      await Promise.allSettled(work.map(async started => (await started).stop()))
    },
  }
}

/** What this instance knows from memory, once a second and when it changes, for the time-line of `/ops`. */
function noticeInstance({ config, database, redis, registry, health, timeline }: Services) {
  return noticeChanges({
    timeline, instance: config.instanceId, version: config.version, startedAt: Date.now(),
    see: () => {
      const { mode, reason } = health.verdict()
      return {
        cluster: database.cluster(), database: database.state(), sentinels: redis.sentinels(),
        missing: registry.missing(), phase: health.phase(), mode, reason,
      }
    },
  })
}

type SchemaState = 'current' | 'behind' | 'misconfigured' | 'unreachable'

/**
 * Looks at the schema until it is current; resolves after the first look. `onState` is told what each look
 * found, `onCurrent` that it is current.
 * @throws {SchemaMismatchError} when the first look finds a schema that is newer than this code can use; a
 * later one ends the process.
 */
async function watchSchema({ database, migrations, log, signal, onState, onCurrent }: {
  database: Services['database']
  migrations: Migration[]
  log: Logger
  signal: AbortSignal
  /** `why`: in words where the instance must not serve. */
  onState: (state: SchemaState, why: string | null) => void
  onCurrent: () => void
}): Promise<void> {
  const words: Record<SchemaState, string> = {
    current: 'The database is reachable and its schema is current',
    behind: 'The database schema is behind this version. Run npm run db:migrate; this instance waits for it.',
    misconfigured:
      'Sessions of the serving role are set otherwise than this program relies on. Run npm run db:migrate, which sets them; this instance waits for it.',
    unreachable: 'The database cannot be reached. This instance serves what it can and recovers by itself.',
  }
  let last: SchemaState | null = null
  async function look(): Promise<SchemaState> {
    let wrong: string[] = []
    const state = await database.checkSchema(migrations).then(async (schema): Promise<SchemaState> => {
      if (schema === 'current') wrong = await database.checkSession()
      return wrong.length ? 'misconfigured' : schema
    }).catch((error: unknown): SchemaState => {
      if (error instanceof SchemaMismatchError) throw error
      return 'unreachable'
    })
    // Else this look, and whoever comes after it, would be shown what was before the migration for as long as
    // a session lives: its search path, for one.
    if (state === 'behind' || state === 'misconfigured' || (state === 'current' && last))
      database.renewSessions()
    if (state !== last && (last || state !== 'current'))
      log[state === 'current' ? 'info' : 'warn']({ wrong: wrong.length ? wrong : undefined }, words[state])
    last = state
    onState(
      state,
      state === 'behind'
        ? 'The database schema is behind this version: npm run db:migrate'
        : wrong.length
          ? `The database's sessions are set otherwise than needed (${wrong.join('; ')}): npm run db:migrate sets them`
          : null,
    )
    if (state === 'current') onCurrent()
    return state
  }

  if (await look() === 'current') return
  void (async () => {
    do await new Promise(resolve => setTimeout(resolve, schemaPauseMs))
    while (!signal.aborted && await look() !== 'current')
  })().catch((error: unknown) => {
    log.fatal(error instanceof Error ? error.message : String(error))
    process.exit(1)
  })
}
