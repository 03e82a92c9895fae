import type { Logger } from 'pino'
import { createAccountLog, type AccountLog } from '#server/audit/account-log.ts'
import { createOperations, type Operations } from '#server/cluster/operations.ts'
import { createPrometheus } from '#server/cluster/prometheus.ts'
import { createTimeline, type TimelineKeeper } from '#server/cluster/timeline.ts'
import type { Config } from '#server/config/load.ts'
import { createSecretMaker, type SecretMaker } from '#server/config/secret.ts'
import { sealedTokens, type TokenCodec } from '#server/database/consistency.ts'
import { openFileTables } from '#server/database/files.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { createIngest, limitsOf, type Ingest } from '#server/fleet/ingest/ingest.ts'
import { publishingAfterCommit } from '#server/live/changes.ts'
import { createOutbox, type Outbox } from '#server/live/outbox.ts'
import { livePositions } from '#server/fleet/vehicles/vehicles.ts'
import { createHealth, type Health } from '#server/health/health.ts'
import { watchNotice } from '#server/health/notice.ts'
import { createStatusPage, type StatusPage } from '#server/health/status-page.ts'
import { uptimeLimitMs, watchUptime } from '#server/health/uptime.ts'
import { withAuthorisation } from '#server/identity/authority.ts'
import { replayRevocations } from '#server/identity/end-session.ts'
import { createRecentCallers, type RecentCallers } from '#server/identity/recent-callers.ts'
import { createKnownDevices, type KnownDevices } from '#server/identity/known-devices.ts'
import { createSessions, type Sessions } from '#server/identity/sessions.ts'
import { createMailOutbox, type MailOutbox } from '#server/mail/outbox.ts'
import { createSeal } from '#server/mail/seal.ts'
import { openSmtp } from '#server/mail/smtp.ts'
import { createCache, type Cache } from '#server/redis/cache.ts'
import { createEvents, type Events } from '#server/live/events.ts'
import { createRegistry, type Registry } from '#server/redis/instances.ts'
import { openRedis } from '#server/redis/open.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { createRateLimiter, type RateLimiter } from '#server/redis/rate-limit.ts'
import { openStorage } from '#server/storage/open.ts'
import type { Storage } from '#server/storage/port.ts'
import { cacheMetrics } from '#server/telemetry/cache-metrics.ts'
import { eventMetrics, outboxMetrics } from '#server/telemetry/live-metrics.ts'
import { routerMetrics } from '#server/telemetry/database-metrics.ts'
import { countMail } from '#server/telemetry/mail-metrics.ts'
import {
  countLimited, countRefused, deviceEventsStored, positionBatch, positionsAccepted, positionsJudged,
  positionsQuarantined,
} from '#server/telemetry/metrics.ts'
import { UnavailableError } from '#shared/errors.ts'

/** Everything the endpoints work with, made once a process. */
export interface Services {
  config: Config
  log: Logger
  database: DatabaseService
  redis: RedisPort
  cache: Cache
  registry: Registry
  limiter: RateLimiter
  storage: Storage
  mail: MailOutbox
  events: Events
  sessions: Sessions
  recentCallers: RecentCallers
  knownDevices: KnownDevices
  accountLog: AccountLog
  ingest: Ingest
  health: Health
  statusPage: StatusPage
  makeSecret: SecretMaker
  outbox: Outbox
  operations: Operations
  timeline: TimelineKeeper
  /** Reads and writes what travels in `Fleet2-Consistency` and the cookies. */
  consistencyTokens: TokenCodec
}

let current: Services | null = null

/**
 * The services. @throws {UnavailableError} while the instance is starting: the request is welcome in a
 * moment, or elsewhere.
 */
export function services(): Services {
  if (!current) throw new UnavailableError('This instance is starting.', { retryAfterSeconds: 1 })
  return current
}

/** For what must work before the services do: health and metrics. */
export function servicesIfOpen(): Services | null {
  return current
}

/** Makes the services. Nothing is connected to yet: they open with every back end away. */
export function openServices({
  config,
  log,
  databaseUrl,
}: {
  config: Config
  log: Logger
  databaseUrl: string
}): Services {
  const tokens = sealedTokens(config.sessionPasswords)
  const bare = openDatabase({
    primaryUrl: databaseUrl,
    replicaUrl: config.databaseReadUrl ?? null,
    maxConnections: config.databasePoolSize,
    log,
    metrics: routerMetrics,
    tokens,
    lagLimitSeconds: config.replicaLagLimitSeconds,
    maxWaitingWrites: config.maxWaitingWrites,
    standbyOf: config.standbyOf ?? null,
    breaks: config.testBreaks,
  })
  const redis = openRedis(config, log)
  const events = createEvents(redis, log, eventMetrics)
  const outbox = createOutbox({
    database: bare,
    newestPositions: (organisationId, ids) => livePositions({ database: bare }, organisationId, ids),
    events,
    redis,
    log,
    metrics: outboxMetrics,
  })
  const database = publishingAfterCommit(withAuthorisation(bare), outbox.publishEntries)
  const registry = createRegistry(redis)
  const health = createHealth({
    config,
    database: bare,
    redis,
    registry,
    log,
    eventsAreLive: () => events.isLive(),
  })
  const timeline = createTimeline({ redis, instance: config.instanceId, log })
  current = {
    config,
    log,
    database,
    redis,
    cache: createCache({ redis, log, metrics: cacheMetrics }),
    registry,
    limiter: createRateLimiter(redis, () => registry.count()),
    storage: openStorage(config, openFileTables(database)),
    mail: createMailOutbox({
      database,
      mailer: config.smtpUrl ? openSmtp({ url: config.smtpUrl, from: config.mailFrom! }) : null,
      seal: createSeal(config.sessionPasswords),
      publicUrl: config.publicUrl ?? '',
      domain: config.publicUrl ? new URL(config.publicUrl).hostname : 'localhost',
      log,
      count: countMail,
    }),
    events,
    sessions: createSessions(redis, {
      idleSeconds: config.sessionIdleSeconds,
      absoluteSeconds: config.sessionAbsoluteSeconds,
      proofSeconds: config.sessionProofSeconds,
      passwords: config.sessionPasswords,
    }),
    recentCallers: createRecentCallers(),
    knownDevices: createKnownDevices(config.sessionPasswords),
    accountLog: createAccountLog({ database, log }),
    ingest: createIngest({
      database,
      outbox,
      log,
      limits: limitsOf({
        device: config.ingestDevicePerSecond,
        organisation: config.ingestOrganisationPerSecond,
        address: config.ingestRefusedPerSecond,
      }),
      metrics: {
        outcome: outcome => positionsAccepted.inc({ outcome }),
        batch: size => positionBatch.observe(size),
        quarantined: fault => positionsQuarantined.inc({ reason: fault }),
        judged: credibility => positionsJudged.inc({ credibility }),
        happened: events => deviceEventsStored.inc(events),
        refused: countRefused,
        limited: countLimited,
      },
    }),
    health,
    statusPage: createStatusPage({
      instanceId: config.instanceId,
      health,
      registry,
      notice: watchNotice({ path: config.statusNoticeFile ?? null, log }),
      uptime: watchUptime({
        prometheus: createPrometheus(config.prometheusUrls, uptimeLimitMs),
        query: config.statusUptimeQuery,
        log,
      }),
    }),
    timeline,
    operations: createOperations({
      config,
      database: bare,
      redis,
      registry,
      timeline,
      verdict: () => health.verdict(),
    }),
    consistencyTokens: tokens,
    makeSecret: createSecretMaker(config.sessionPasswords[0]),
    outbox,
  }
  const { sessions } = current
  redis.onReconnect(() => {
    replayRevocations({ database, sessions }).then(
      ended =>
        ended && log.info(`${ended} sessions were ended in Redis that had been revoked while it was away`),
      error =>
        log.warn(
          { err: error },
          'Revocations were not replayed into Redis; each request asks the database for its own',
        ),
    )
  })
  return current
}

let closing: string | null = null

/** Which service is being closed at this moment. */
export function closingService(): string | null {
  return closing
}

/** Closes what was opened, in reverse. Each step is tried, whatever became of the one before. */
export async function closeServices(): Promise<void> {
  if (!current) return
  const { health, statusPage, ingest, mail, outbox, cache, redis, database, timeline, log } = current
  for (const [name, close] of [
    ['status page', () => statusPage.stop()],
    ['health', () => health.stop()],
    ['device input', () => ingest.close()],
    ['mail', () => mail.close()],
    ['outbox', () => outbox.close()],
    ['cache', () => cache.close()],
    ['time-line', () => timeline.settled()],
    ['Redis', () => redis.close()],
    ['database', () => database.close()],
  ] as const) {
    closing = name
    try {
      await close()
    }
    catch (error) {
      log.warn({ err: error }, `Closing ${name} failed`)
    }
  }
}
