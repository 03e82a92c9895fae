import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { neverSeen, unreachable, type ServerState } from '#server/database/probe.ts'
import type { DatabaseService } from '#server/database/open.ts'
import { exportDatabaseGauges } from '#server/lifecycle/database-gauges.ts'
import { exportRedisGauges } from '#server/lifecycle/redis-gauges.ts'
import type { Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import type { SentinelView } from '#server/redis/sentinels.ts'
import '#server/telemetry/database-metrics.ts'
import '#server/telemetry/redis-metrics.ts'
import { cacheMetrics } from '#server/telemetry/cache-metrics.ts'
import { outboxMetrics } from '#server/telemetry/live-metrics.ts'
import { registry } from '#server/telemetry/metrics.ts'

let redis: RedisPort | null
let instances: Registry | null
let database: DatabaseService | null
beforeAll(() => {
  exportRedisGauges(() => redis, () => instances)
  exportDatabaseGauges(() => database)
})
afterEach(() => {
  redis = instances = database = null
  vi.restoreAllMocks()
})

/** The value of each series of the metrics so named. */
async function valuesOf(names: RegExp): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter(line => names.test(line))
  const parts = lines.map(line => line.split(/ (?=\S+$)/))
  return Object.fromEntries(parts.map(([name, text]) => [name!, Number(text)]))
}

const sentinels: SentinelView = {
  total: 3, reachable: 3, quorum: true, master: 'redis1:6379', replicas: 2, reason: null, each: [], epoch: 1,
}
const withSentinels = (view: Partial<SentinelView>, isUp = true) => {
  const port: Pick<RedisPort, 'isUp' | 'sentinels'> = {
    isUp: () => isUp, sentinels: () => ({ ...sentinels, ...view }),
  }
  return port as RedisPort
}
const withInstances = (known: unknown[] | null) => ({ instances: () => known }) as Registry

describe('of Redis', () => {
  const names = /^fleet2_(redis_(up|sentinels|quorum|replicas)|instances)\b/

  it('nothing is said before it is opened', async () => {
    expect(await valuesOf(names)).toEqual({})
  })
  it('what is known is said, a lost quorum and no replica as 0', async () => {
    redis = withSentinels({ quorum: false, replicas: 0 }, false)
    instances = withInstances([{}, {}, {}])
    expect(await valuesOf(names)).toEqual({
      'fleet2_redis_up': 0, 'fleet2_redis_quorum': 0, 'fleet2_redis_replicas': 0, 'fleet2_instances': 3,
      'fleet2_redis_sentinels{state="configured"}': 3, 'fleet2_redis_sentinels{state="reachable"}': 3,
    })
  })
  it('with no Sentinel answering, quorum and replicas are absent, and no 0', async () => {
    redis = withSentinels({ reachable: 0, quorum: false, replicas: 0 })
    instances = withInstances([])
    expect(await valuesOf(names)).toEqual({
      'fleet2_redis_up': 1, 'fleet2_instances': 0,
      'fleet2_redis_sentinels{state="configured"}': 3, 'fleet2_redis_sentinels{state="reachable"}': 0,
    })
  })
  it('with Redis away, the number of instances is absent, also when it was known before', async () => {
    redis = withSentinels({})
    instances = withInstances([{}, {}])
    expect(await valuesOf(/^fleet2_instances\b/)).toEqual({ fleet2_instances: 2 })
    instances = withInstances(null)
    expect(await valuesOf(/^fleet2_instances\b/)).toEqual({})
  })
})

describe('of the database', () => {
  const names = /^fleet2_database_(up|timeline|replica_lag_seconds|replicas_attached|writes_waiting)\b/
  const well: ServerState = {
    reachable: true, role: 'primary', latencyMs: 1, lagSeconds: null, error: null, timeline: 3,
  }
  const withServers = (primary: ServerState, replica: ServerState | null, timeline: number) => {
    const service: Pick<DatabaseService, 'state' | 'circuit' | 'waitingWrites' | 'stats'> = {
      state: () => ({ primary, replica, attached: null, timeline, writtenLsn: null }),
      circuit: () => null, waitingWrites: () => 0, stats: () => [],
    }
    return service as DatabaseService
  }

  it('nothing is said before it is opened', async () => {
    expect(await valuesOf(names)).toEqual({})
  })
  it('before the first look nothing is said of servers, and no server is said to be down', async () => {
    database = withServers(neverSeen, neverSeen, 0)
    expect(await valuesOf(names)).toEqual({ fleet2_database_writes_waiting: 0 })
  })
  it('a server that does not answer is down, and its lag is absent', async () => {
    database = withServers(well, unreachable(new Error('away')), 3)
    expect(await valuesOf(names)).toEqual({
      'fleet2_database_up{pool="primary"}': 1, 'fleet2_database_up{pool="replica"}': 0,
      'fleet2_database_timeline': 3, 'fleet2_database_writes_waiting': 0,
    })
  })
  it('a replica that is not behind has a lag of 0', async () => {
    database = withServers(well, { ...well, role: 'replica', lagSeconds: 0 }, 3)
    expect(await valuesOf(names)).toMatchObject({ fleet2_database_replica_lag_seconds: 0 })
  })
})

describe('counters of failures', () => {
  it.each([
    ['fleet2_database_retries_total{reason="connection"}'],
    ['fleet2_database_read_fallbacks_total{reason="circuit"}'],
    ['fleet2_redis_commands_total{outcome="lost"}'],
    ['fleet2_sign_ins_total{outcome="refused"}'],
    ['http_requests_errors_total{method="GET",route="page",status="500"}'],
  ])('begin at 0, so that the first is an increase: %s', async (series) => {
    expect(await valuesOf(/^(fleet2|http)_\w+_total\b/)).toMatchObject({ [series]: 0 })
  })
})

it('a cache that is never hit has a share of hits, and that is 0', async () => {
  cacheMetrics.lookup('somebody', 'miss')
  cacheMetrics.lookup('somebody', 'miss')
  expect(await valuesOf(/^fleet2_cache_requests_total\b/)).toEqual({
    'fleet2_cache_requests_total{cache="somebody",result="hit"}': 0,
    'fleet2_cache_requests_total{cache="somebody",result="miss"}': 2,
    'fleet2_cache_requests_total{cache="somebody",result="bypassed"}': 0,
    'fleet2_cache_requests_total{cache="somebody",result="stale"}': 0,
  })
})

describe('of the outbox', () => {
  const names = /^fleet2_outbox_(rows|oldest_seconds)\b/

  it('nothing is said before a look, an empty one is 0, and one of five minutes ago is absent', async () => {
    expect(await valuesOf(names)).toEqual({})
    outboxMetrics.waiting(0, 0)
    expect(await valuesOf(names)).toEqual({ fleet2_outbox_rows: 0, fleet2_outbox_oldest_seconds: 0 })
    const at = performance.now() + 300_000
    vi.spyOn(performance, 'now').mockReturnValue(at)
    expect(await valuesOf(names)).toEqual({})
    outboxMetrics.waiting(7, 3.5)
    expect(await valuesOf(names)).toEqual({ fleet2_outbox_rows: 7, fleet2_outbox_oldest_seconds: 3.5 })
  })
})
