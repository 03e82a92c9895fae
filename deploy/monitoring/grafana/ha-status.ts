import {
  modeByInstance, modes, postgresRole, postgresRoles, redisRole, redisRoles, upOrNot,
} from './states.ts'
import { series } from './query.ts'
import type { DashboardSpec } from './types.ts'

const masters = `(count(${series('redis_instance_info', 'job="redis"', 'role="master"')}`
  + ` and on (instance) ${series('redis_up', 'job="redis"')} == 1) or vector(0))`

/** What a HAProxy says of each PostgreSQL as a server of one of its lists. */
const haproxySees = (proxy: string) => ({
  expr: `max by (instance, server) (${series('haproxy_server_status', 'state="UP"', `proxy="${proxy}"`)})`,
  legend: `{{instance}}: {{server}}`,
})

const inRotation = { 0: ['not used', 'blue'], 1: ['used', 'green'] } as const satisfies Record<number,
  [string, 'blue' | 'green']>

export const haStatus: DashboardSpec = {
  uid: 'fleet2-ha-status',
  title: 'HA Status',
  question: 'Would the next fault cost anybody anything: who has which role, and who could take over?',
  instances: { metric: 'up', matchers: ['job="fleet2"'], label: 'instance' },
  next: 'fleet2-infrastructure',
  rows: [
    {
      title: 'From people to data: can every part lose one?',
      panels: [
        {
          kind: 'stat', title: 'Nginx (good: 2)', unit: 'none', alerts: ['DoorDown'],
          limit: { warning: 2, critical: 1, below: true }, width: 3,
          description: 'That answer over HTTPS.',
          queries: [{ expr: `sum(${series('probe_success', 'job="door"')})` }],
        },
        {
          kind: 'stat', title: 'Instances (good: 3)', unit: 'none', alerts: ['InstancesUnhealthy'], width: 3,
          description: 'That answer /api/health/ready with 200.',
          queries: [{ expr: `min(${series('fleet2:healthy_instances')})` }],
        },
        {
          kind: 'stat', title: 'HAProxy (good: 2)', unit: 'none', alerts: ['ServiceDown'],
          limit: { warning: 2, critical: 1, below: true }, width: 3,
          description: 'That answer. PgBouncer uses either.',
          queries: [{ expr: `sum(${series('up', 'job="haproxy"')})` }],
        },
        {
          kind: 'stat', title: 'PostgreSQL primary (good: 1)', unit: 'none', alerts: ['NoPostgresLeader'],
          width: 3,
          description: 'With none, reads go on and writes wait. A failover takes up to 12 s, 22 s with '
            + 'Patroni 4.',
          queries: [{ expr: `sum(${series('patroni_primary')})` }],
        },
        {
          kind: 'stat', title: 'Sync standby (good: 1)', unit: 'none', alerts: ['NoSynchronousStandby'],
          width: 3,
          description: 'Who takes over without losing a commit.',
          queries: [{ expr: `sum(${series('patroni_sync_standby')})` }],
        },
        {
          kind: 'stat', title: 'etcd (good: 3)', unit: 'none', alerts: ['EtcdQuorumAtRisk', 'EtcdNoQuorum'],
          width: 3,
          description: 'Members that have a leader. Two of three must agree, or Patroni elects nobody.',
          queries: [{
            expr: `sum(${series('up', 'job="etcd"')} * on (instance) ${series('etcd_server_has_leader')})`,
          }],
        },
        {
          kind: 'stat', title: 'Redis master (good: 1)', unit: 'none', alerts: ['RedisNoMaster'], width: 3,
          description: 'Nodes that say so of themselves.', queries: [{ expr: masters }],
        },
        {
          kind: 'stat', title: 'Sentinels (good: 3)', unit: 'none',
          alerts: ['SentinelQuorumAtRisk', 'SentinelNoQuorum'], width: 3,
          description: 'That answer. Two must agree on a failover.',
          queries: [{ expr: `sum(${series('redis_up', 'job="sentinel"')})` }],
        },
      ],
    },
    {
      title: 'Who has which role?',
      panels: [
        {
          kind: 'states', title: 'PostgreSQL (good: one primary, one sync standby, one replica)',
          unit: 'none', states: postgresRoles,
          alerts: ['NoPostgresLeader', 'PostgresSplitBrain'], limit: {},
          description: 'By each node\'s Patroni.', queries: [{ expr: postgresRole, legend: '{{instance}}' }],
        },
        {
          kind: 'states', title: 'Redis (good: one master, two replicas)', unit: 'none', states: redisRoles,
          alerts: ['RedisNoMaster', 'RedisSplitBrain'], limit: {},
          description: 'By each node itself.', queries: [{ expr: redisRole, legend: '{{instance}}' }],
        },
        {
          kind: 'states', title: 'Mode of the instances (good: normal)', unit: 'none', states: modes,
          alerts: ['ReadOnlyMode', 'DatabaseUnreachable'], limit: {},
          description: 'What each instance can do at this moment; docs/modes.md says what that means '
            + 'for people.',
          queries: [{ expr: modeByInstance('instance=~"$instance"'), legend: '{{instance}}' }],
        },
        {
          kind: 'states', title: 'etcd (good: one leader)', unit: 'none', alerts: ['EtcdNoQuorum'], limit: {},
          states: { 0: ['no leader', 'red'], 1: ['follower', 'blue'], 2: ['leader', 'green'] },
          description: 'By each member itself.',
          queries: [{
            expr: `max by (instance) (${series('etcd_server_has_leader')})`
              + ` + max by (instance) (${series('etcd_server_is_leader')})`,
            legend: '{{instance}}',
          }],
        },
      ],
    },
    {
      title: 'What does each part see of the others?',
      panels: [
        {
          kind: 'states', title: 'HAProxy: the primary (good: both use the same one)', unit: 'none',
          states: inRotation, width: 8,
          description: 'Where each HAProxy sends writes: to whom Patroni calls the primary.',
          queries: [haproxySees('primary')],
          alerts: ['NoPostgresLeader'], limit: {},
        },
        {
          kind: 'states', title: 'HAProxy: the replicas (good: both use the same ones)', unit: 'none',
          states: inRotation, width: 8,
          description: 'Where each HAProxy sends reads.', queries: [haproxySees('replicas')],
          alerts: ['ReplicaNotStreaming'], limit: {},
        },
        {
          kind: 'states', title: 'Nginx: the instances (good: none taken out)', unit: 'none', width: 8,
          alerts: ['InstanceTakenOut'],
          limit: {}, states: { 0: ['used', 'green'], 1: ['taken out', 'red'] },
          description: 'By the health checker beside each Nginx: out after 3 failures, back after 2 '
            + 'successes.',
          queries: [{
            expr: `max by (instance, upstream) (${series('fleet2_checker_instance_down')})`,
            legend: '{{instance}}: {{upstream}}',
          }],
        },
        {
          kind: 'states', title: 'Probe: the instances (good: all answer)', unit: 'none', states: upOrNot,
          width: 8,
          alerts: ['InstancesUnhealthy'], limit: {},
          description: 'Asked from the monitoring, as Nginx asks.',
          queries: [{
            expr: `max by (instance) (${series('probe_success', 'job="ready"')})`, legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Sentinel: replicas and Sentinels it counts on (good: 2 and 3)', unit: 'none',
          width: 8, height: 7,
          description: 'By each Sentinel: those in good state, of the master that it watches.',
          alerts: ['SentinelQuorumAtRisk'], limit: {},
          queries: [
            { expr: `max by (instance) (${series('redis_sentinel_master_ok_slaves')})`,
              legend: '{{instance}} replicas' },
            { expr: `max by (instance) (${series('redis_sentinel_master_ok_sentinels')})`,
              legend: '{{instance}} Sentinels' },
          ],
        },
        {
          kind: 'states', title: 'Sentinel: the master (good: all agree that it is well)', unit: 'none',
          width: 8,
          states: { 0: ['not well', 'red'], 1: ['well', 'green'] }, alerts: ['RedisNoMaster'], limit: {},
          description: 'Each Sentinel\'s master and what it thinks of it. Different masters for longer '
            + 'than a failover: split brain.',
          queries: [{
            expr: `max by (instance, master_address) (`
              + `${series('redis_sentinel_master_status', 'master_status="ok"')})`,
            legend: '{{instance}}: {{master_address}}',
          }],
        },
      ],
    },
    {
      title: 'Does the data follow?',
      panels: [
        {
          kind: 'graph', title: 'PostgreSQL lag (good: under 10 s)', unit: 's',
          alerts: ['ReplicationLagHigh'],
          description: 'By replica.',
          queries: [{
            expr: `max by (instance) (${series('pg_replication_lag_seconds')})`, legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Redis lag (good: under 1 MB)', unit: 'bytes', limit: { warning: 1024 ** 2 },
          description: 'Replication stream that a replica has not yet got.',
          queries: [{
            expr: `clamp_min(scalar(max(${series('redis_master_repl_offset', 'job="redis"')}))`
              + ` - max by (instance) (${series('redis_slave_repl_offset', 'job="redis"')}), 0)`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Timeline (good: all the same, and level)', unit: 'none',
          description: 'Each promotion begins a new one. A node on an older one has not followed yet.',
          alerts: ['ReplicaNotStreaming'], limit: {},
          queries: [{
            expr: `max by (instance) (${series('patroni_postgres_timeline')})`, legend: '{{instance}}',
          }],
        },
      ],
    },
    {
      title: 'What did failovers cost, and was it tried?',
      panels: [
        {
          kind: 'stat', title: 'PostgreSQL failovers in this time (good: none that was not wanted)',
          unit: 'none',
          description: 'New timelines in the range that is shown.',
          queries: [{
            expr: `max(max_over_time(${series('patroni_postgres_timeline')}[$__range]))`
              + ` - max(min_over_time(${series('patroni_postgres_timeline')}[$__range]))`,
          }],
        },
        {
          kind: 'stat', title: 'Without a primary, last day (good: under 30 s)', unit: 's',
          limit: { warning: 30, critical: 300 },
          description: 'RTO as measured: seconds of the last day in which no PostgreSQL was the '
            + 'primary. The target of one failover is 30 s.',
          queries: [{ expr: `5 * sum_over_time((max(${series('patroni_primary')}) == bool 0)[1d:5s])` }],
        },
        {
          kind: 'stat', title: 'A restore would lose (good: under 5 min)', unit: 's',
          limit: { critical: 300 }, alerts: ['WalArchiveFailing'],
          description: 'RPO as measured: time since the primary archived a segment. A failover to the '
            + 'sync standby loses nothing.',
          queries: [{
            expr: `max(${series('pg_stat_archiver_last_archive_age')}`
              + ` and on (instance) ${series('patroni_primary')} == 1)`,
          }],
        },
        {
          kind: 'stat', title: 'Since the last drill (good: under 30 days)', unit: 's',
          limit: { warning: 30 * 86_400 }, emptyUntil: 'drill',
          description: 'What has not been tried for long may not work.',
          queries: [{ expr: `time() - max(${series('fleet2_drill_last_run_timestamp_seconds')})` }],
        },
        {
          kind: 'stat', title: 'RTO in drills (good: under 30 s)', unit: 's',
          limit: { warning: 30, critical: 300 }, emptyUntil: 'drill',
          description: 'Longest time without writes of any scenario of the last drill.',
          queries: [{ expr: `max(${series('fleet2_drill_without_writes_seconds')})` }],
        },
        {
          kind: 'stat', title: 'Lost in drills (good: 0)', unit: 'none', limit: { critical: 1 },
          emptyUntil: 'drill',
          description: 'RPO of a failover, as measured: acknowledged writes that were gone afterwards.',
          queries: [{ expr: `sum(${series('fleet2_drill_lost_writes')})` }],
        },
        {
          kind: 'table', title: 'Last drill by scenario (good: nothing lost)', unit: 'none',
          emptyUntil: 'drill', width: 24,
          description: 'What each fault cost people when it was tried last.',
          queries: [
            { expr: `max by (part, scenario) (${series('fleet2_drill_without_writes_seconds')})`,
              legend: 'seconds without writes' },
            { expr: `max by (part, scenario) (${series('fleet2_drill_without_reads_seconds')})`,
              legend: 'seconds without reads' },
            { expr: `max by (part, scenario) (${series('fleet2_drill_lost_writes')})`,
              legend: 'lost writes' },
            { expr: `max by (part, scenario) (${series('fleet2_drill_violations')})`,
              legend: 'broken promises' },
          ],
        },
      ],
    },
  ],
}
