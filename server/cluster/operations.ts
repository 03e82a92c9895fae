import type { Config } from '#server/config/load.ts'
import { formatHostPort } from '#server/config/host-port.ts'
import type { DatabaseService } from '#server/database/open.ts'
import type { Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { every } from '#server/telemetry/timers.ts'
import type { Mode } from '#shared/live.ts'
import type { OperationsCharts, OperationsView, Timeline } from '#shared/operations.ts'
import {
  etcdByPrometheus, haproxyByPrometheus, nginxByPrometheus, patroniByPrometheus,
} from './by-prometheus.ts'
import { chartHours, chartsByPrometheus } from './charts.ts'
import { createFromMemory, redisMaster } from './from-memory.ts'
import { haproxyByStatistics } from './haproxy.ts'
import { createLook, type Port } from './look.ts'
import { patroniByRest } from './patroni.ts'
import { pgbouncerByConsole } from './pgbouncer.ts'
import { createPrometheus } from './prometheus.ts'
import type { TimelineKeeper } from './timeline.ts'

/** As often as anybody can follow, and as the parts change. */
export const viewEveryMs = 2_000

/** Prometheus scrapes every 5 s: it knows nothing newer. */
const prometheusEveryMs = 5_000

/** A point a minute. */
const chartsEveryMs = 30_000

/** A part that is well answers in milliseconds; a page waits no longer for one that does not. */
export const partTimeoutMs = 1_500

/** Four queries over hours. */
const chartsTimeoutMs = 4_000

export interface Watcher {
  onView(view: OperationsView): void
  /** Called when it has changed. */
  onTimeline(timeline: Timeline): void
}

/**
 * The operators' view of the whole system. Reading alone, and about the system: nothing of any organisation
 * is in it.
 */
export interface Operations {
  /**
   * How everything is: what was found within the last seconds, or is found now. Never rejects; takes
   * `partTimeoutMs`.
   */
  view(): Promise<OperationsView>
  timeline(): Promise<Timeline>
  charts(): Promise<OperationsCharts>
  /**
   * From now on `watcher` is told. Parts are asked while somebody watches, once for all. Returns what ends
   * it.
   */
  watch(watcher: Watcher): () => void
  watchers(): number
}

export interface OperationsOptions {
  config: Config
  database: Pick<DatabaseService, 'state'>
  redis: RedisPort
  registry: Registry
  timeline: TimelineKeeper
  verdict: () => { mode: Mode, reason: string | null }
  now?: () => number
}

export function createOperations({
  config, database, redis, registry, timeline, verdict, now = Date.now,
}: OperationsOptions): Operations {
  const memory = createFromMemory({
    registry, databaseState: () => database.state(), sentinels: () => redis.sentinels(), now,
  })
  const looks = createLooks(config, redis, now)
  const lines = createLook({
    part: 'timeline', everyMs: viewEveryMs, timeoutMs: partTimeoutMs, now,
    port: { source: 'the list in Redis', ask: () => timeline.read() },
  })
  const charts = createLook({
    part: 'charts', port: chartsPort(config, now), everyMs: chartsEveryMs, timeoutMs: chartsTimeoutMs, now,
  })
  const watchers = new Set<Watcher>()
  let stopWatching = () => {}
  let toldOf = ''

  async function view(): Promise<OperationsView> {
    await Promise.all(Object.values(looks).map(look => look.refresh()))
    const { mode, reason } = verdict()
    return {
      at: new Date(now()).toISOString(), instance: config.instanceId, version: config.version, mode, reason,
      instances: memory.instances(), router: memory.router(), sentinels: memory.sentinels(),
      redis: looks.redis.current(), poolers: looks.poolers.current(), patroni: looks.patroni.current(),
      balancers: looks.balancers.current(), proxies: looks.proxies.current(), etcd: looks.etcd.current(),
    }
  }

  async function readTimeline(): Promise<Timeline> {
    await lines.refresh()
    return lines.current()
  }

  async function tell() {
    const [seen, happened] = await Promise.all([view(), readTimeline()])
    const { state, value } = happened
    const text = JSON.stringify([state, value])
    const isNew = text !== toldOf
    toldOf = text
    for (const watcher of watchers) {
      watcher.onView(seen)
      if (isNew) watcher.onTimeline(happened)
    }
  }

  return {
    view,
    timeline: readTimeline,
    async charts() {
      await charts.refresh()
      return { hours: chartHours, charts: charts.current() }
    },
    watch(watcher) {
      watchers.add(watcher)
      if (watchers.size === 1) {
        toldOf = ''
        stopWatching = every(viewEveryMs, () => void tell())
      }
      return () => {
        if (watchers.delete(watcher) && watchers.size === 0) stopWatching()
      }
    },
    watchers: () => watchers.size,
  }
}

/**
 * Each part has one port, and one of two adapters fulfils it: the part itself, where it is named, else
 * Prometheus.
 */
function createLooks(config: Config, redis: RedisPort, now: () => number) {
  const { opsPatroniUrls, opsHaproxyUrls, opsPgbouncerHosts, prometheusUrls, databaseUrl } = config
  const prometheus = createPrometheus(prometheusUrls, partTimeoutMs)
  const look = <T>(part: string, port: Port<T> | null, everyMs = viewEveryMs) => createLook({
    // Two at the same interval must not miss each other by a millisecond.
    part, port, everyMs: everyMs - 100, timeoutMs: partTimeoutMs, now,
  })
  const either = <T>(part: string, direct: Port<T> | null, fallback: Port<T> | null | undefined) => {
    return direct ? look(part, direct) : look(part, fallback ?? null, prometheusEveryMs)
  }
  return {
    redis: look('redis', redisMaster(redis, () => redis.sentinels()?.master ?? addressOf(config.redisUrl))),
    poolers: look('pgbouncer', opsPgbouncerHosts.length && databaseUrl
      ? pgbouncerByConsole(opsPgbouncerHosts, databaseUrl, partTimeoutMs)
      : null),
    patroni: either('patroni',
      opsPatroniUrls.length ? patroniByRest(opsPatroniUrls, partTimeoutMs) : null,
      prometheus && patroniByPrometheus(prometheus)),
    balancers: either('haproxy',
      opsHaproxyUrls.length ? haproxyByStatistics(opsHaproxyUrls, partTimeoutMs) : null,
      prometheus && haproxyByPrometheus(prometheus)),
    proxies: either('nginx', null, prometheus && nginxByPrometheus(prometheus)),
    etcd: either('etcd', null, prometheus && etcdByPrometheus(prometheus)),
  }
}

function chartsPort(config: Config, now: () => number) {
  const prometheus = createPrometheus(config.prometheusUrls, chartsTimeoutMs)
  return prometheus && chartsByPrometheus(prometheus, now)
}

/** Of a Redis without Sentinels, without what stands beside it in the address. */
function addressOf(redisUrl: string | undefined): string {
  if (!redisUrl) return 'in this process'
  const { hostname, port } = new URL(redisUrl)
  return formatHostPort({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) })
}
