import type { Logger } from 'pino'
import type { Config } from '#server/config/load.ts'
import { createSecretMaker, type SecretMaker } from '#server/config/secret.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { createIngest, type Ingest } from '#server/fleet/ingest/ingest.ts'
import { publishingAfterCommit } from '#server/fleet/changes.ts'
import { createOutbox, type Outbox } from '#server/fleet/outbox.ts'
import { createHealth, type Health } from '#server/health/health.ts'
import { createSessions, type Sessions } from '#server/identity/sessions.ts'
import { createCache, type Cache } from '#server/redis/cache.ts'
import { createEvents, type Events } from '#server/redis/events.ts'
import { openRedis } from '#server/redis/open.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { openStorage } from '#server/storage/open.ts'
import type { Storage } from '#server/storage/port.ts'
import { cacheMetrics } from '#server/telemetry/cache-metrics.ts'
import { eventMetrics, outboxMetrics } from '#server/telemetry/live-metrics.ts'
import { positionBatch, positionsAccepted, routerMetrics } from '#server/telemetry/metrics.ts'
import { UnavailableError } from '#shared/errors.ts'

/** Everything the endpoints work with, made once a process. */
export interface Services {
  config: Config
  log: Logger
  database: DatabaseService
  redis: RedisPort
  cache: Cache
  storage: Storage
  events: Events
  sessions: Sessions
  ingest: Ingest
  health: Health
  makeSecret: SecretMaker
  outbox: Outbox
}

let current: Services | null = null

/** The services. @throws {UnavailableError} while the instance is starting: the request is welcome in a moment, or elsewhere. */
export function services(): Services {
  if (!current) throw new UnavailableError('This instance is starting.', { retryAfterSeconds: 1 })
  return current
}

/** For what must work before the services do: health and metrics. */
export function servicesIfOpen(): Services | null {
  return current
}

/** Makes the services. Nothing is connected to yet: they open with every back end away. */
export function openServices({ config, log, databaseUrl }: { config: Config, log: Logger, databaseUrl: string }): Services {
  const bare = openDatabase({
    primaryUrl: databaseUrl,
    replicaUrl: config.databaseReadUrl ?? null,
    maxConnections: config.databasePoolSize,
    log,
    metrics: routerMetrics,
  })
  const redis = openRedis(config, log)
  const events = createEvents(redis, log, eventMetrics)
  const outbox = createOutbox({ database: bare, events, redis, log, metrics: outboxMetrics })
  const database = publishingAfterCommit(bare, outbox.publishEntries)
  current = {
    config,
    log,
    database,
    redis,
    cache: createCache({ redis, log, metrics: cacheMetrics }),
    storage: openStorage(config),
    events,
    sessions: createSessions(redis, { idleSeconds: config.sessionIdleSeconds, absoluteSeconds: config.sessionAbsoluteSeconds }),
    ingest: createIngest({
      database, outbox, log,
      metrics: { outcome: outcome => positionsAccepted.inc({ outcome }), batch: size => positionBatch.observe(size) },
    }),
    health: createHealth({ config, probeDatabase: () => database.probe(), redis, log }),
    makeSecret: createSecretMaker(config.sessionPasswords[0]),
    outbox,
  }
  return current
}

/** Closes what was opened, in reverse. Each step is tried, whatever became of the one before. */
export async function closeServices(): Promise<void> {
  if (!current) return
  const { health, ingest, outbox, cache, redis, database, log } = current
  for (const [name, close] of [
    ['health', () => health.stop()],
    ['device input', () => ingest.close()],
    ['outbox', () => outbox.close()],
    ['cache', () => cache.close()],
    ['Redis', () => redis.close()],
    ['database', () => database.close()],
  ] as const) {
    try {
      await close()
    }
    catch (error) {
      log.warn({ err: error }, `Closing ${name} failed`)
    }
  }
}
