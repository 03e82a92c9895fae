import { redisRole, redisRoles } from './states.ts'
import { chosen, quantile, rate, series } from './query.ts'
import type { DashboardSpec } from './types.ts'

const job = 'job="redis"'
const hits = rate('redis_keyspace_hits_total', job, chosen)
const misses = rate('redis_keyspace_misses_total', job, chosen)

export const redis: DashboardSpec = {
  uid: 'fleet2-redis',
  title: 'Redis',
  question: 'Does Redis answer, does its cache help, and does everything fit into it?',
  instances: { metric: 'redis_up', matchers: [job], label: 'instance' },
  next: 'fleet2-overview',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        {
          kind: 'stat', title: 'Nodes that answer (good: all 3)', unit: 'none', alerts: ['RedisDown'],
          limit: { warning: 3, critical: 1, below: true },
          description: 'One that is gone costs nobody anything while another is the master.',
          queries: [{ expr: `sum(${series('redis_up', job)})` }],
        },
        {
          kind: 'stat', title: 'Replicas of the master (good: 2)', unit: 'none',
          alerts: ['RedisReplicasMissing'],
          description: 'With none the master takes no writes, so that none can be lost.',
          queries: [{ expr: `max(${series('redis_connected_slaves', job)})` }],
        },
        {
          kind: 'stat', title: 'Cache hits (good: over 80 %)', unit: 'percentunit',
          limit: { warning: 0.8, below: true },
          description: 'Looks into the cache of the instances that found the value. Few at first after '
            + 'a start or a failover.',
          queries: [{
            expr: `sum(${rate('fleet2_cache_requests_total', 'result="hit"')})`
              + ` / (sum(${rate('fleet2_cache_requests_total')}) > 0)`,
          }],
        },
        {
          kind: 'stat', title: 'Fullest memory (good: under 90 %)', unit: 'percentunit',
          alerts: ['RedisMemoryHigh'],
          description: 'Of maxmemory. Past it what has an expiry is evicted, and then writes are refused.',
          queries: [{
            expr: `max(${series('redis_used_memory_bytes', chosen)}`
              + ` / on (instance) (${series('redis_memory_max_bytes', job, chosen)} > 0))`,
          }],
        },
        {
          kind: 'stat', title: 'Evictions a minute (good: under 100)', unit: 'none',
          alerts: ['RedisEvictions'],
          description: 'Values of the cache that had to go for others. Sessions and streams are never '
            + 'evicted.',
          queries: [{ expr: `max(increase(${series('redis_evicted_keys_total', job, chosen)}[1m]))` }],
        },
        {
          kind: 'stat', title: 'Instances with Redis (good: all)', unit: 'percentunit', alerts: ['RedisAway'],
          description: 'Share of the instances that reach the master. The others work without: '
            + 'sessions by sealed proofs.',
          queries: [{ expr: `avg(${series('fleet2_redis_up')})` }],
        },
      ],
    },
    {
      title: 'Does the cache help?',
      panels: [
        {
          kind: 'graph', title: 'Hits in Redis (good: over 80 %)', unit: 'percentunit', max: 1,
          description: 'Of all looks for a key, by node: not the cache\'s alone, sessions and rate '
            + 'limits look too.',
          queries: [{
            expr: `sum by (instance) (${hits}) / (sum by (instance) (${hits} + ${misses}) > 0)`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Looks into the cache (good: mostly hits)', unit: 'cps', stacked: true,
          description: 'By what was found. Bypassed: Redis was away. Stale: no server could give the '
            + 'value, the last known one was.',
          queries: [{
            expr: `sum by (result) (${rate('fleet2_cache_requests_total')})`, legend: '{{result}}',
          }],
        },
        {
          kind: 'graph', title: 'Evicted and expired keys (good: under 100 evicted a minute)', unit: 'none',
          alerts: ['RedisEvictions'],
          description: 'Per minute, by node. Evicted: there was no room. Expired: its time was over, '
            + 'as intended.',
          queries: [
            { expr: `increase(${series('redis_evicted_keys_total', job, chosen)}[1m])`,
              legend: '{{instance}} evicted' },
            { expr: `increase(${series('redis_expired_keys_total', job, chosen)}[1m])`,
              legend: '{{instance}} expired' },
          ],
        },
      ],
    },
    {
      title: 'Is it quick, and does everything fit?',
      panels: [
        {
          kind: 'graph', title: 'Time of a command (good: 99 % under 25 ms)', unit: 's',
          limit: { warning: 0.025 },
          description: 'As the instances meet it, with the network.',
          queries: [0.5,
            0.99].map(q => ({ expr: quantile(q, 'fleet2_redis_command_duration_seconds', []),
            legend: `${q * 100} %` })),
        },
        {
          kind: 'graph', title: 'Commands per second (good: as usual)', unit: 'ops',
          description: 'By node, replication and the Sentinels\' questions included.',
          queries: [{
            expr: `sum by (instance) (${rate('redis_commands_processed_total', job, chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Commands that were not answered (good: none)', unit: 'cps',
          description: 'By what the instances met. Away: refused at once. Lost: the outcome is unknown.',
          queries: [{
            expr: `sum by (outcome) (${rate('fleet2_redis_commands_total', 'outcome!="ok"')})`,
            legend: '{{outcome}}',
          }],
        },
        {
          kind: 'graph', title: 'Memory (good: under 90 % of maxmemory)', unit: 'bytes',
          description: 'By node; the upper line is maxmemory.', alerts: ['RedisMemoryHigh'], limit: {},
          queries: [
            { expr: `max by (instance) (${series('redis_used_memory_bytes', chosen)})`,
              legend: '{{instance}}' },
            { expr: `max(${series('redis_memory_max_bytes', job, chosen)})`, legend: 'maxmemory' },
          ],
        },
        {
          kind: 'graph', title: 'Clients (good: under 80 % of maxclients)', unit: 'none',
          alerts: ['RedisClientsHigh'], limit: {},
          description: 'Connections, by node. Past maxclients (2,000) nobody gets in.',
          queries: [{
            expr: `max by (instance) (${series('redis_connected_clients', job, chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Keys (good: level)', unit: 'none',
          description: 'By node. Rising for days: something is kept without an expiry.',
          queries: [{
            expr: `sum by (instance) (${series('redis_db_keys', job, chosen)})`, legend: '{{instance}}',
          }],
        },
      ],
    },
    {
      title: 'Who is the master?',
      panels: [
        {
          kind: 'states', title: 'Roles (good: one master, two replicas)', unit: 'none', states: redisRoles,
          alerts: ['RedisNoMaster'], limit: {},
          description: 'What each node says of itself. The Sentinels\' view stands in HA Status.',
          queries: [{ expr: redisRole, legend: '{{instance}}' }],
        },
        {
          kind: 'graph', title: 'Writes that the replicas did not confirm (good: none)', unit: 'cps',
          width: 12, height: 7,
          description: 'Of sessions: acknowledged only with a replica\'s word, so these were told to '
            + 'come again.',
          queries: [{
            expr: `sum by (instance) (${rate('fleet2_redis_unconfirmed_writes_total')})`,
            legend: '{{instance}}',
          }],
        },
      ],
    },
  ],
}
