import { perSecond, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

const nodes = ['redis-primary', 'redis-replica', 'redis-replica2']
const one = 'job="redis",component="redis",instance="redis-primary"'

/** The first so many are masters. */
const masters = (count: number): Seen =>
  Object.fromEntries(
    nodes.flatMap((name, index) => [
      [
        `redis_instance_info{job="redis",component="redis",instance="${name}",role="${index < count ? 'master' : 'slave'}"}`,
        1,
      ],
      [`redis_up{job="redis",component="redis",instance="${name}"}`, 1],
    ]),
  )

const sentinels = (count: number): Seen => Object.fromEntries([1, 2, 3].map(number => [
  `redis_up{job="sentinel",component="redis",instance="sentinel${number}"}`, Number(number <= count),
]))

export const redis: Case[] = [
  { alert: 'RedisNoMaster', severity: 'critical', seen: masters, fires: 0, quiet: 1, below: '15s' },
  { alert: 'RedisSplitBrain', severity: 'critical', seen: masters, fires: 2, quiet: 1, below: '15s' },
  {
    // Three minutes after the beginning another one takes over.
    alert: 'RedisFailover',
    severity: 'info',
    fires: 1,
    quiet: 0,
    below: '2m',
    after: '4m',
    seen: moved => ({
      'redis_instance_info{job="redis",component="redis",instance="redis-primary",role="master"}': moved
        ? '1x12 stale'
        : 1,
      'redis_instance_info{job="redis",component="redis",instance="redis-replica",role="master"}': moved
        ? '_x12 1x1000'
        : '_x1000',
    }),
  },
  {
    alert: 'RedisReplicasMissing',
    severity: 'warning',
    fires: 1,
    quiet: 2,
    below: '45s',
    seen: replicas => ({ [`redis_connected_slaves{${one}}`]: replicas }),
  },
  { alert: 'SentinelQuorumAtRisk', severity: 'warning', seen: sentinels, fires: 2, quiet: 3, below: '45s' },
  { alert: 'SentinelNoQuorum', severity: 'critical', seen: sentinels, fires: 1, quiet: 3, below: 2 },
  {
    alert: 'RedisDown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '0s',
    seen: up => ({ [`redis_up{${one}}`]: up }),
  },
  {
    alert: 'RedisClientsHigh',
    severity: 'warning',
    fires: 1601,
    quiet: 20,
    below: 1600,
    seen: clients => ({ [`redis_connected_clients{${one}}`]: clients }),
  },
  {
    alert: 'RedisMemoryHigh',
    severity: 'warning',
    fires: 91,
    quiet: 10,
    below: 90,
    seen: used => ({ [`redis_memory_used_bytes{${one}}`]: used, [`redis_memory_max_bytes{${one}}`]: 100 }),
  },
  {
    alert: 'RedisEvictions',
    severity: 'warning',
    fires: 101,
    quiet: 0,
    below: 99,
    seen: aMinute => ({ [`redis_evicted_keys_total{${one}}`]: perSecond(aMinute / 60) }),
  },
]
