import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Logger } from 'pino'
import type { Config } from '#server/config/load.ts'
import type { ServerState } from '#server/database/probe.ts'
import type { DatabaseState } from '#server/database/monitor.ts'
import type { DatabaseService } from '#server/database/open.ts'
import { announceEveryMs, type Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { readLoad } from '#server/telemetry/load.ts'
import { every } from '#server/telemetry/timers.ts'
import type { PartStates } from '#shared/status.ts'
import { ownAddress } from './address.ts'
import { createCheck, type Finding } from './check.ts'
import { createPoolJudge } from './pools.ts'
import { judgeMemory, lookAtDescriptors, memoryLimitBytes } from './memory.ts'
import { partsOf } from './parts.ts'
import { judge, type Verdict } from './verdict.ts'

export interface HealthOptions {
  config: Config
  /**
   * Its monitor looks by itself, and at once when something fails; beside it the program's own calls are
   * judged.
   */
  database: Pick<DatabaseService, 'firstState' | 'outcomes' | 'tryPool' | 'standbyOf'>
  redis: RedisPort
  registry: Registry
  /** Whether the last word of the live events from Redis was a good one. */
  eventsAreLive: () => boolean
  log: Logger
}

export interface Health {
  verdict(): Verdict
  /** Whether events of all instances arrive here. */
  isLive(): boolean
  /** What this instance can do for people. */
  parts(): PartStates
  /** The full body of `GET /api/health`; times in milliseconds. */
  report(): Record<string, unknown>
  /** `obstacle`: why an instance that is starting cannot serve yet, in words. */
  setPhase(phase: 'starting' | 'running' | 'draining', obstacle?: string | null): void
  phase(): 'starting' | 'running' | 'draining'
  /** Called when mode, status or reason change. */
  onChange(listener: (verdict: Verdict) => void): void
  checks(): { name: string, status: Finding['status'] }[]
  /** Resolves when every back end has been looked at once: within two seconds, also with all of them away. */
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * All is well: twice a second, so that a change is known within a second of its cause. Anything is wrong:
 * four times.
 */
const pollMs = 500
const degradedPollMs = 250

/**
 * The monitor's first look takes 1 s at most; the check's own limit only guards against one that does not
 * end.
 */
const databaseTimeoutMs = 1_500

/** A suspected pool is tried for 2 s at most besides. */
const poolTimeoutMs = 4_000

/** Replication lag past which reads leave the replica; the specification's alert threshold. */
const replicaLagLimitSeconds = 30

/** A loop that was held up this long has kept somebody waiting; three windows in a row are a stall. */
const stalledMs = 1_000
const slowMs = 250

/** Knows at any moment, from memory, how this instance does and what it can do. */
export function createHealth(given: HealthOptions): Health {
  const { config, database, redis, registry, eventsAreLive, log } = given
  let phase: 'starting' | 'running' | 'draining' = 'starting'
  let obstacle: string | null = null
  let peerDatabaseHealthy = false
  let lastMemory: Finding = { status: 'healthy', reason: null, details: {} }
  let last: Verdict | null = null
  const listeners: ((verdict: Verdict) => void)[] = []
  const limit = memoryLimitBytes(config.memoryLimitMb)
  const loopDelay = monitorEventLoopDelay({ resolution: 20 })
  const hasReplica = Boolean(config.databaseReadUrl && config.databaseReadUrl !== config.databaseUrl)

  const { outcomes } = database
  const primaryPool = createPoolJudge({
    outcomes,
    kinds: hasReplica ? ['writes'] : ['reads', 'writes'],
    probe: () => database.tryPool('primary'),
  })
  const replicaPool = createPoolJudge({
    outcomes,
    kinds: ['reads'],
    probe: () => database.tryPool('replica'),
  })
  const options = { pollMs, degradedPollMs, timeoutMs: databaseTimeoutMs, onChange: () => changed() }
  const checks = {
    primary: createCheck({
      ...options,
      name: 'database_primary',
      look: async () => primaryPool.judge(judgePrimary(await database.firstState())),
      timeoutMs: poolTimeoutMs,
    }),
    replica: hasReplica
      ? createCheck({
          ...options,
          name: 'database_replica',
          look: async () => replicaPool.judge(judgeServer((await database.firstState()).replica!, 'replica')),
          timeoutMs: poolTimeoutMs,
        })
      : null,
    redis: createCheck({ ...options, name: 'redis', look: lookAtRedis }),
    memory: createCheck({
      ...options,
      pollMs: 1_000,
      degradedPollMs: 1_000,
      name: 'memory',
      look: lookAtMemory,
    }),
    descriptors: createCheck({
      ...options,
      pollMs: 1_000,
      degradedPollMs: 1_000,
      name: 'file_descriptors',
      look: async () => lookAtDescriptors(),
    }),
    eventLoop: createCheck({
      ...options,
      pollMs: 1_000,
      degradedPollMs: 1_000,
      name: 'event_loop',
      look: lookAtEventLoop,
    }),
  }
  const all = Object.values(checks).filter(check => check !== null)

  async function lookAtRedis(): Promise<Finding> {
    const started = performance.now()
    const { role } = await redis.ping().catch((error: unknown) => {
      throw new Error(redis.trouble() ?? (error instanceof Error ? error.message : String(error)), {
        cause: error,
      })
    })
    const sentinels = redis.sentinels()
    const details = {
      latency_ms: rounded(performance.now() - started),
      role,
      ...(sentinels
        ? {
            sentinels: {
              total: sentinels.total,
              reachable: sentinels.reachable,
              quorum: sentinels.quorum,
              replicas: sentinels.replicas,
            },
          }
        : {}),
    }
    // It works, and the next fault would not be mended: no harm to anybody yet, but somebody should know.
    if (sentinels && !sentinels.quorum && role !== 'replica')
      return { status: 'degraded', reason: sentinels.reason, details }
    const refused = redis.trouble()
    if (refused) return { status: 'unhealthy', reason: refused, details }
    return role === 'replica'
      ? { status: 'unhealthy', reason: 'Connected to a replica, not to the master', details }
      : { status: 'healthy', reason: null, details }
  }

  /** Read from /proc: without a descriptor left it cannot be read, and is no less than it was. */
  async function lookAtMemory(): Promise<Finding> {
    if (lookAtDescriptors().status === 'healthy') lastMemory = judgeMemory(process.memoryUsage.rss(), limit)
    return lastMemory
  }

  async function lookAtEventLoop(): Promise<Finding> {
    const delayMs = loopDelay.max / 1e6
    loopDelay.reset()
    const status = delayMs >= stalledMs ? 'unhealthy' : delayMs >= slowMs ? 'degraded' : 'healthy'
    return {
      status,
      reason: status === 'healthy' ? null : `The event loop was held up for ${Math.round(delayMs)} ms`,
      details: { latency_ms: rounded(delayMs) },
    }
  }

  function verdict(): Verdict {
    return judge({
      phase,
      obstacle,
      primary: checks.primary.current().status,
      replica: checks.replica?.current().status ?? null,
      redis: checks.redis.current().status,
      redisRefuses: redis.trouble(),
      memory: checks.memory.current().status,
      descriptors: checks.descriptors.current().status,
      eventLoop: checks.eventLoop.current().status,
      standby: database.standbyOf() !== null,
      peerDatabaseHealthy,
    })
  }

  function isLive(): boolean {
    return redis.kind === 'memory' || (checks.redis.current().status === 'healthy' && eventsAreLive())
  }

  function parts(): PartStates {
    const replica = checks.replica?.current().status ?? 'healthy'
    return partsOf({
      mode: verdict().mode, primaryStrained: checks.primary.current().status === 'degraded',
      replicaLate: replica !== 'healthy', live: isLive(), sensitive: redis.isUp(),
    })
  }

  function changed() {
    const now = verdict()
    if (last && last.status === now.status && last.mode === now.mode && last.reason === now.reason) return
    if (last)
      log[now.status === 'healthy' ? 'info' : 'warn'](
        { mode: now.mode, status: now.status, reason: now.reason },
        `Mode ${now.mode}, ${now.status}${now.reason ? `: ${now.reason}` : ''}`,
      )
    last = now
    for (const listener of listeners) listener(now)
  }

  async function talkToPeers() {
    const { instanceId: instance, version } = config
    const { mode, status, reason } = verdict()
    try {
      await registry.announce({
        instance,
        version,
        address,
        pid: process.pid,
        startedAt,
        phase,
        mode,
        status,
        reason,
        load: await readLoad(),
        databaseHealthy: checks.primary.current().status !== 'unhealthy',
        parts: parts(),
        at: Date.now(),
      })
      peerDatabaseHealthy = (registry.instances() ?? []).some(
        peer => peer.instance !== instance && peer.databaseHealthy,
      )
    }
    catch {
      // Nobody can be asked: the fault may be everybody's, so nobody leaves the balancer for it.
      peerDatabaseHealthy = false
    }
    changed()
  }
  const address = ownAddress(config)
  const startedAt = Date.now()
  let stopTalking = () => {}

  return {
    verdict,
    isLive,
    parts,
    report() {
      const now = verdict()
      const primary = checks.primary.current()
      const replica = checks.replica?.current()
      const shown = (check: Finding & { checkedAt: number }) => ({
        status: check.status,
        ...check.details,
        age_ms: Date.now() - check.checkedAt,
        ...(check.reason ? { reason: check.reason } : {}),
      })
      return {
        status: now.status,
        timestamp: new Date().toISOString(),
        version: config.version,
        instance: config.instanceId,
        mode: now.mode,
        ...(config.standbyOf ? { region: now.standby ? 'standby' : 'active' } : {}),
        uptime_seconds: Math.round(process.uptime()),
        ...(now.reason ? { reason: now.reason } : {}),
        checks: {
          database: {
            status: now.database,
            latency_ms: primary.details.latency_ms ?? replica?.details.latency_ms ?? null,
            ...(now.database === 'healthy'
              ? {}
              : { reason: primary.reason ?? replica?.reason ?? now.reason }),
            primary: shown(primary),
            ...(replica ? { replica: shown(replica) } : {}),
          },
          redis: { latency_ms: null, ...shown(checks.redis.current()) },
          memory: shown(checks.memory.current()),
          file_descriptors: shown(checks.descriptors.current()),
          event_loop: shown(checks.eventLoop.current()),
        },
        // Null: Redis is away, and nobody can be asked.
        instances:
          registry
            .instances()
            ?.map(({ instance, version, address, phase, mode, status, load, ageMs }) => ({
              instance,
              version,
              address,
              phase,
              mode,
              status,
              load,
              age_ms: Math.round(ageMs),
            })) ?? null,
      }
    },
    setPhase(next, why = null) {
      // An instance that is ending does not come back, whatever else is found out meanwhile.
      if (phase === 'draining') return
      // Not earlier: what held up the loop while the instance got ready was nobody's wait.
      if (phase === 'starting' && next === 'running') {
        loopDelay.reset()
        void checks.eventLoop.start()
      }
      phase = next
      obstacle = why
      changed()
    },
    phase: () => phase,
    onChange: listener => void listeners.push(listener),
    checks: () => all.map(check => ({ name: check.name, status: check.current().status })),
    async start() {
      loopDelay.enable()
      const looks = all.filter(check => check !== checks.eventLoop).map(check => check.start())
      void talkToPeers()
      stopTalking = every(announceEveryMs, () => void talkToPeers())
      await Promise.all(looks)
    },
    async stop() {
      stopTalking()
      for (const check of all) check.stop()
      loopDelay.disable()
      await registry.withdraw(config.instanceId).catch(() => {})
    },
  }
}

/**
 * A server that still takes itself for the primary while another has begun a newer timeline takes no write
 * that lasts.
 */
function judgePrimary({ primary, timeline }: DatabaseState): Finding {
  const finding = judgeServer(primary, 'primary')
  if (finding.status === 'unhealthy' || primary.timeline === null || primary.timeline >= timeline)
    return finding
  return { ...finding, status: 'unhealthy', reason: 'The server is a former primary' }
}

function judgeServer(state: ServerState, wanted: 'primary' | 'replica'): Finding {
  const details = {
    role: state.role,
    latency_ms: state.latencyMs,
    ...(state.lagSeconds === null ? {} : { lag_seconds: state.lagSeconds }),
    ...(state.timeline === null ? {} : { timeline: state.timeline }),
  }
  if (!state.reachable) return { status: 'unhealthy', reason: state.error, details }
  if (wanted === 'primary' && state.role !== 'primary')
    return { status: 'unhealthy', reason: 'The server is a replica and does not accept writes', details }
  if (state.lagSeconds !== null && state.lagSeconds > replicaLagLimitSeconds)
    return { status: 'degraded', reason: `${Math.round(state.lagSeconds)} s behind the primary`, details }
  return { status: 'healthy', reason: null, details }
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
