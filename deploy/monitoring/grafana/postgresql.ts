import { chosen, quantile, rate, series } from './query.ts'
import type { DashboardSpec } from './types.ts'

// Which node of the exporter's is the primary, Patroni knows. A node's two targets have one name.
const primary = `on (instance) ${series('patroni_primary')} == 1`

/** Exporters before 0.15 give milliseconds under the view's own name. */
const activeTime = `(sum by (instance) (${rate('pg_stat_database_active_time_seconds_total', chosen)})`
  + ` or sum by (instance) (${rate('pg_stat_database_active_time', chosen)}) / 1000)`
const transactions = `(sum by (instance) (${rate('pg_stat_database_xact_commit', chosen)})`
  + ` + sum by (instance) (${rate('pg_stat_database_xact_rollback', chosen)}))`

const hit = rate('pg_stat_database_blks_hit', chosen)
const read = rate('pg_stat_database_blks_read', chosen)

export const postgresql: DashboardSpec = {
  uid: 'fleet2-postgresql',
  title: 'PostgreSQL',
  question: 'Does the database answer quickly, do the replicas keep up, and is there room?',
  instances: { metric: 'pg_up', label: 'instance' },
  next: 'fleet2-redis',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        {
          kind: 'stat', title: 'Nodes that answer (good: all 3)', unit: 'none', alerts: ['PostgresDown'],
          limit: { warning: 3, critical: 1, below: true },
          description: 'One that is gone leaves a primary and a synchronous standby.',
          queries: [{ expr: `sum(${series('pg_up')})` }],
        },
        {
          kind: 'stat', title: 'Furthest replica behind by (good: under 10 s)', unit: 's',
          alerts: ['ReplicationLagHigh'],
          description: 'Time since the newest transaction that a replica shows, while there is one '
            + 'that it does not.',
          queries: [{ expr: `max(${series('pg_replication_lag_seconds', chosen)})` }],
        },
        {
          kind: 'stat', title: 'Synchronous standbys (good: 1)', unit: 'none',
          alerts: ['NoSynchronousStandby'],
          description: 'With none, what is committed is on one node only.',
          queries: [{ expr: `sum(${series('patroni_sync_standby')})` }],
        },
        {
          kind: 'stat', title: 'Connections in use (good: under 80 %)', unit: 'percentunit',
          alerts: ['PostgresConnectionsHigh'],
          description: 'Of max_connections, on the fullest node. The pools end far below; the rest '
            + 'belongs to somebody else.',
          queries: [{ expr: `max(${series('instance:pg_connections:ratio', chosen)})` }],
        },
        {
          kind: 'stat', title: 'Slow queries a minute (good: under 10)', unit: 'none',
          alerts: ['SlowQueriesMany'],
          description: 'Sightings of queries that had run for over a second, on the worst node.',
          queries: [{
            expr: `max(sum by (instance) (sum_over_time(${series('pg_slow_queries', chosen)}[1m])))`,
          }],
        },
        {
          kind: 'stat', title: 'Databases of their disk (good: under 80 %)', unit: 'percentunit',
          alerts: ['DatabaseSizeHigh'],
          description: 'All databases of the largest node, of the disk under it.',
          queries: [{
            expr: `max(sum by (instance) (${series('pg_database_size_bytes', chosen)}))`
              + ` / min(${series('fleet2:postgres_disk:bytes')})`,
          }],
        },
      ],
    },
    {
      title: 'Does it answer quickly?',
      panels: [
        {
          kind: 'graph', title: 'Working time per transaction (good: under 50 ms)', unit: 's',
          limit: { warning: 0.05 },
          description: 'Mean time that statements ran, by transaction. PostgreSQL gives no '
            + 'percentiles; what people meet is in Overview.',
          queries: [{ expr: `${activeTime} / (${transactions} > 0)`, legend: '{{instance}}' }],
        },
        {
          kind: 'graph', title: 'Slow queries a minute (good: under 10)', unit: 'none',
          alerts: ['SlowQueriesMany'],
          description: 'Queries seen running for over a second, summed over the scrapes of a minute.',
          queries: [{
            expr: `sum by (instance) (sum_over_time(${series('pg_slow_queries', chosen)}[1m]))`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Longest transaction (good: under 60 s)', unit: 's', limit: { warning: 60 },
          description: 'One that stays open keeps dead rows from being cleaned up, and its locks from '
            + 'others.',
          queries: [{
            expr: `max by (instance) (${series('pg_stat_activity_max_tx_duration', chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Transactions per second (good: as usual, few rolled back)', unit: 'ops',
          description: 'Committed and rolled back, by node.',
          queries: [
            { expr: `sum by (instance) (${rate('pg_stat_database_xact_commit', chosen)})`,
              legend: '{{instance}} committed' },
            { expr: `sum by (instance) (${rate('pg_stat_database_xact_rollback', chosen)})`,
              legend: '{{instance}} rolled back' },
          ],
        },
        {
          kind: 'graph', title: 'Read from memory (good: over 99 %)', unit: 'percentunit', max: 1,
          description: 'Share of blocks that were in shared buffers. Low: the working set does not fit.',
          limit: { warning: 0.99, below: true },
          queries: [{
            expr: `sum by (instance) (${hit}) / (sum by (instance) (${hit} + ${read}) > 0)`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Deadlocks and conflicts (good: none)', unit: 'cps',
          description: 'Deadlocks are tried again by the router; conflicts are reads of a replica that '
            + 'gave way to replication.',
          queries: [
            { expr: `sum by (instance) (${rate('pg_stat_database_deadlocks', chosen)})`,
              legend: '{{instance}} deadlocks' },
            { expr: `sum by (instance) (${rate('pg_stat_database_conflicts', chosen)})`,
              legend: '{{instance}} conflicts' },
          ],
        },
      ],
    },
    {
      title: 'Do the replicas keep up?',
      panels: [
        {
          kind: 'graph', title: 'Replication lag (good: under 10 s)', unit: 's',
          alerts: ['ReplicationLagHigh'],
          description: 'By replica. Reads leave one that is late by more than the router\'s limit.',
          queries: [{
            expr: `max by (instance) (${series('pg_replication_lag_seconds', chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Behind the primary, in bytes (good: under 16 MB)', unit: 'bytes',
          limit: { warning: 16 * 1024 ** 2 },
          description: 'Write-ahead log that a replica has not yet replayed; one segment has 16 MB.',
          queries: [{
            expr: `clamp_min(scalar(max(${series('patroni_xlog_location')})) - max by (instance) (`
              + `${series('patroni_xlog_replayed_location', chosen)}`
              + ` and ${series('patroni_replica', chosen)} == 1), 0)`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Write-ahead log not yet archived for (good: under 5 min)', unit: 's',
          alerts: ['WalArchiveFailing'],
          limit: { critical: 300 },
          description: 'Time since the primary archived a segment: what a restore would lose at most, '
            + 'promised under 5 minutes.',
          queries: [{
            expr: `max(${series('pg_stat_archiver_last_archive_age')} and ${primary})`,
            legend: 'since the last segment',
          }],
        },
      ],
    },
    {
      title: 'Who uses it, and is there room?',
      panels: [
        {
          kind: 'graph', title: 'Connections by state (good: under 80 % of 200, none idle in transaction)',
          unit: 'none', stacked: true,
          description: 'On the chosen nodes.', alerts: ['PostgresConnectionsHigh'], limit: {},
          queries: [{
            expr: `sum by (state) (${series('pg_stat_activity_count', chosen)})`, legend: '{{state}}',
          }],
        },
        {
          kind: 'graph', title: 'Clients that wait in PgBouncer (good: none)', unit: 'none',
          alerts: ['PoolerWaiting'],
          description: 'By pooler and database: every server connection of the pool is in use.',
          queries: [{
            expr: `sum by (instance, database) (${series('pgbouncer_pools_client_waiting_connections')})`,
            legend: '{{instance}} {{database}}',
          }],
        },
        {
          kind: 'graph', title: 'Size (good: under 80 % of the disk)', unit: 'bytes',
          alerts: ['DatabaseSizeHigh'], limit: {},
          description: 'By database, on the largest node.',
          queries: [{
            expr: `max by (datname) (${series('pg_database_size_bytes', chosen)})`, legend: '{{datname}}',
          }],
        },
      ],
    },
    {
      title: 'What the instances meet',
      panels: [
        {
          kind: 'graph', title: 'Retries by reason (good: few outside a failover)', unit: 'cps',
          description: 'Work that was done again or elsewhere, without anybody noticing but by the wait.',
          queries: [{
            expr: `sum by (reason) (${rate('fleet2_database_retries_total')})`, legend: '{{reason}}',
          }],
        },
        {
          kind: 'graph', title: 'Reads that no replica served (good: few)', unit: 'cps',
          description: 'Sent to the primary: the replica had not seen what the caller has, was late, '
            + 'or its circuit was open.',
          queries: [{
            expr: `sum by (reason) (${rate('fleet2_database_read_fallbacks_total')})`, legend: '{{reason}}',
          }],
        },
        {
          kind: 'graph', title: 'Writes that waited, 99 % (good: none; in a failover under 12 s)', unit: 's',
          emptyUntil: 'failure',
          description: 'Pauses of writes for a database that could not take them.',
          alerts: ['WritesShed'], limit: {},
          queries: [{ expr: quantile(0.99, 'fleet2_database_write_wait_seconds', []), legend: '99 %' }],
        },
      ],
    },
  ],
}
