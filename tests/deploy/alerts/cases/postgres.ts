import { grewBy, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

const node = 'job="postgres",component="postgres",instance="patroni2"'
const patroni = (name: string, values: (number | string)[]): Seen =>
  Object.fromEntries(
    values.map((value, index) => [
      `${name}{job="patroni",scope="fleet2",instance="patroni${index + 1}"}`,
      value,
    ]),
  )
const lag = (seconds: number): Seen => ({ [`pg_replication_lag_seconds{${node}}`]: seconds })

export const postgres: Case[] = [
  {
    alert: 'NoPostgresLeader',
    severity: 'critical',
    fires: 0,
    quiet: 1,
    below: '15s',
    seen: leader => ({
      ...patroni('patroni_primary', [leader, 0, 0]),
      ...patroni('patroni_standby_leader', [0, 0, 0]),
    }),
  },
  {
    alert: 'PostgresSplitBrain',
    severity: 'critical',
    fires: 1,
    quiet: 0,
    below: '0s',
    seen: second => patroni('patroni_primary', [1, second, 0]),
  },
  {
    alert: 'PostgresFailover',
    severity: 'info',
    fires: 2,
    quiet: 1,
    below: '2m',
    after: '4m',
    // From the third minute on: at two minutes nothing has changed yet.
    seen: timeline =>
      patroni('patroni_postgres_timeline', [`1x11 ${timeline}x1000`, `1x11 ${timeline}x1000`]),
  },
  {
    alert: 'NoSynchronousStandby',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '45s',
    seen: standby => patroni('patroni_sync_standby', [0, standby, 0]),
  },
  {
    alert: 'ReplicaNotStreaming',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '45s',
    seen: streaming => ({
      [`pg_replication_is_replica{${node}}`]: 1,
      [`pg_replication_streaming{${node}}`]: streaming,
    }),
  },
  { alert: 'ReplicationLagHigh', severity: 'warning', seen: lag, fires: 11, quiet: 0, below: 10 },
  { alert: 'ReplicationLagHigh', severity: 'critical', seen: lag, fires: 61, quiet: 0, below: 60 },
  { alert: 'ReplicaLate', severity: 'warning', seen: lag, fires: 31, quiet: 0, below: 30 },
  {
    alert: 'PostgresDown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '0s',
    seen: up => ({ [`pg_up{${node}}`]: up }),
  },
  {
    alert: 'PostgresConnectionsHigh',
    severity: 'warning',
    fires: 161,
    quiet: 20,
    below: 160,
    seen: connections => ({
      [`pg_stat_activity_count{${node},datname="fleet",state="idle"}`]: 10,
      [`pg_stat_activity_count{${node},datname="fleet",state="active"}`]: connections - 10,
      [`pg_settings_max_connections{${node}}`]: 200,
    }),
  },
  {
    alert: 'DatabaseSizeHigh',
    severity: 'warning',
    fires: 81,
    quiet: 10,
    below: 79,
    seen: size => ({
      [`pg_database_size_bytes{${node},datname="fleet"}`]: size - 5,
      [`pg_database_size_bytes{${node},datname="postgres"}`]: 5,
      'node_filesystem_size_bytes{job="node",instance="node-exporter",fstype="ext4",mountpoint="/"}': 100,
      'node_filesystem_size_bytes{job="node",instance="node-exporter",fstype="ext4",mountpoint="/boot"}': 10,
    }),
  },
  {
    // A look every 15 s here, four a minute.
    alert: 'SlowQueriesMany',
    severity: 'warning',
    fires: 3,
    quiet: 0,
    below: 2,
    seen: queries => ({ [`pg_slow_queries{${node}}`]: queries }),
  },
  {
    alert: 'WalArchiveFailing',
    severity: 'warning',
    fires: 3,
    quiet: 0,
    below: '13m',
    after: '16m',
    // It begins to fail at ten minutes, and goes on.
    seen: failures => ({ [`pg_stat_archiver_failed_count{${node}}`]: `0x40 ${failures}+${failures}x500` }),
    // Some failures, and then none.
    tooLittle: { [`pg_stat_archiver_failed_count{${node}}`]: grewBy(3) },
  },
]
