import { grewBy, perSecond, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

const app = 'job="fleet2",component="application",instance="app1"'
const hour = 3_600
const day = 86_400

const mode = (name: string) => (value: number): Seen => ({ [`fleet2_mode{${app},mode="${name}"}`]: value })
/** The counter stood at 0 for ten minutes, and has just grown by so much. */
const counted = (series: string) => (amount: number): Seen => ({ [series]: grewBy(amount) })

/** Time begins at 0 here: a success so long ago lies before it. */
const ago = (series: string) => (seconds: number): Seen => ({ [series]: -seconds })
const daily = ago('fleet2_backup_last_success_timestamp_seconds{kind="daily"}')

/** `below` at ten minutes: nothing has been counted yet. */
const once = { fires: 1, quiet: 0, below: '10m', after: '11m' }

export const promises: Case[] = [
  { alert: 'ReadOnlyMode', severity: 'critical', seen: mode('read-only'), fires: 1, quiet: 0, below: '45s' },
  {
    alert: 'DatabaseUnreachable',
    severity: 'critical',
    seen: mode('unavailable'),
    fires: 1,
    quiet: 0,
    below: '15s',
  },
  {
    alert: 'UnknownCommitsUnresolved',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_database_unknown_commits_resolved_total{${app},outcome="unresolved"}`),
  },
  {
    alert: 'WritesShed',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_database_writes_shed_total{${app}}`),
  },
  {
    alert: 'OutboxOld',
    severity: 'warning',
    fires: 61,
    quiet: 0,
    below: 60,
    seen: age => ({ [`fleet2_outbox_oldest_seconds{${app}}`]: age, [`fleet2_redis_up{${app}}`]: 1 }),
    // Not too little traffic, but the known cause: Redis is away, which has an alert of its own.
    tooLittle: { [`fleet2_outbox_oldest_seconds{${app}}`]: 61, [`fleet2_redis_up{${app}}`]: 0 },
  },
  {
    alert: 'JobsStuck',
    severity: 'warning',
    fires: 301,
    quiet: 0,
    below: 300,
    seen: age => ({ [`fleet2_jobs_oldest_seconds{${app}}`]: age }),
  },
  {
    alert: 'JobsFailed',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_jobs_ended_total{${app},kind="audit-export",outcome="failed"}`),
  },
  {
    alert: 'RetentionBehind',
    severity: 'warning',
    fires: 3,
    quiet: 0,
    below: 2,
    after: '122m',
    seen: days => ({ [`fleet2_retention_overdue_days{${app}}`]: days }),
  },
  {
    alert: 'MailNotSent',
    severity: 'warning',
    fires: 2,
    quiet: 0,
    below: '14m',
    after: '17m',
    seen: counted(`fleet2_mail_total{${app},outcome="deferred"}`),
    // Some go out: a mailbox that takes nothing, and no mail server that is away.
    tooLittle: {
      [`fleet2_mail_total{${app},outcome="deferred"}`]: grewBy(2),
      [`fleet2_mail_total{${app},outcome="sent"}`]: grewBy(2),
    },
  },
  {
    alert: 'StatusNoticeRefused',
    severity: 'warning',
    fires: 1,
    quiet: 0,
    below: '45s',
    seen: refused => ({ [`fleet2_status_notice{${app},state="refused"}`]: refused }),
  },
  {
    alert: 'EventStreamsNearBound',
    severity: 'warning',
    fires: 1601,
    quiet: 10,
    below: 1600,
    seen: streams => ({
      [`fleet2_event_streams{${app}}`]: streams,
      [`fleet2_event_streams_max{${app}}`]: 2000,
    }),
  },
  {
    alert: 'EventStreamsRefused',
    severity: 'warning',
    fires: 5,
    quiet: 0,
    below: '11m',
    after: '13m',
    seen: counted(`fleet2_event_streams_refused_total{${app},reason="instance-limit"}`),
  },
  {
    alert: 'IngestQueueLong',
    severity: 'warning',
    fires: 1001,
    quiet: 0,
    below: 1000,
    seen: waiting => ({ [`fleet2_ingest_waiting{${app}}`]: waiting }),
  },
  {
    alert: 'QuarantineRateHigh',
    severity: 'warning',
    fires: 0.051,
    quiet: 0,
    below: 0.049,
    seen: share => ({
      [`fleet2_positions_total{${app},outcome="stored"}`]: perSecond(10),
      [`fleet2_positions_quarantined_total{${app},reason="time"}`]: perSecond(10 * share),
    }),
    tooLittle: {
      [`fleet2_positions_total{${app},outcome="stored"}`]: perSecond(0.4),
      [`fleet2_positions_quarantined_total{${app},reason="time"}`]: perSecond(0.4),
    },
  },
  {
    alert: 'PositionsRefused',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_positions_quarantined_total{${app},reason="refused"}`),
  },
  {
    alert: 'DevicesLimited',
    severity: 'warning',
    ...once,
    below: '14m',
    after: '17m',
    seen: counted(`fleet2_device_requests_limited_total{${app},limit="device"}`),
  },
  {
    alert: 'LogLinesDropped',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_log_lines_dropped_total{${app},destination="file"}`),
  },
  {
    alert: 'TracesLost',
    severity: 'info',
    ...once,
    seen: counted(`fleet2_trace_spans_total{${app},outcome="failed"}`),
  },
  {
    alert: 'AuditEntriesLost',
    severity: 'warning',
    ...once,
    seen: counted(`fleet2_account_events_total{${app},outcome="lost"}`),
  },
  {
    alert: 'RedisAway',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '45s',
    seen: reached => ({ [`fleet2_redis_up{${app}}`]: reached }),
  },
  {
    alert: 'BackupOld',
    severity: 'warning',
    seen: daily,
    fires: 27 * hour,
    quiet: hour,
    below: 25 * hour,
    after: '20m',
  },
  {
    alert: 'BackupOld',
    severity: 'critical',
    seen: daily,
    fires: 51 * hour,
    quiet: hour,
    below: 49 * hour,
    after: '20m',
  },
  {
    alert: 'RestoreDrillOld',
    severity: 'warning',
    fires: 10 * day,
    quiet: day,
    below: 8 * day,
    after: '90m',
    seen: ago('fleet2_restore_drill_last_success_timestamp_seconds'),
  },
  {
    alert: 'UndoCopyOpen',
    severity: 'warning',
    fires: 25 * hour,
    quiet: 0,
    below: 23 * hour,
    after: '20m',
    seen: open => ({ 'fleet2_backup_undo_copy_open_seconds{member="patroni1"}': open }),
  },
  {
    alert: 'BackupUnknown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '59m',
    after: '90m',
    count: 1,
    seen: known =>
      known
        ? { ...daily(0), fleet2_restore_drill_last_success_timestamp_seconds: 0 }
        : { fleet2_restore_drill_last_success_timestamp_seconds: 0 },
  },
  {
    alert: 'BackupSchedulerSilent',
    severity: 'warning',
    fires: 2 * hour,
    quiet: 0,
    below: 60,
    after: '12m',
    seen: ago('fleet2_backup_looked_timestamp_seconds{member="patroni1"}'),
  },
  {
    alert: 'BackupRepositoryUnreadable',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '14m',
    after: '20m',
    seen: ok => ({ 'fleet2_backup_repository_ok{member="patroni1"}': ok }),
  },
  {
    alert: 'BackupRepositoryDamaged',
    severity: 'critical',
    fires: 0,
    quiet: 1,
    below: '30s',
    seen: ok => ({ 'fleet2_backup_verify_ok{member="patroni1"}': ok }),
  },
  {
    alert: 'WalArchiveLate',
    severity: 'warning',
    fires: 241,
    quiet: 0,
    below: 239,
    seen: lag => ({ 'fleet2_backup_wal_lag_seconds{member="patroni1"}': lag }),
  },
  {
    alert: 'WalArchiveGap',
    severity: 'critical',
    fires: 1,
    quiet: 0,
    below: '4m',
    seen: missing => ({ 'fleet2_backup_wal_missing{member="patroni1"}': missing }),
  },
  {
    alert: 'StandbyRegionBehind',
    severity: 'warning',
    fires: 241,
    quiet: 0,
    below: 239,
    seen: lag => ({ 'fleet2_backup_standby_lag_seconds{member="patroni1"}': lag }),
  },
]

const prometheus = 'job="prometheus",component="monitoring",instance="prometheus"'
const alertmanager = 'job="alertmanager",component="monitoring",instance="alertmanager"'

export const monitoring: Case[] = [
  {
    alert: 'PrometheusConfigBroken',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '4m45s',
    seen: read => ({ [`prometheus_config_last_reload_successful{${prometheus}}`]: read }),
  },
  {
    alert: 'RuleEvaluationFailing',
    severity: 'warning',
    ...once,
    seen: counted(`prometheus_rule_evaluation_failures_total{${prometheus},rule_group="recorded-parts"}`),
  },
  {
    alert: 'NoAlertmanager',
    severity: 'critical',
    fires: 0,
    quiet: 2,
    below: '1m45s',
    seen: found => ({ [`prometheus_notifications_alertmanagers_discovered{${prometheus}}`]: found }),
  },
  {
    alert: 'NotificationsFailing',
    severity: 'critical',
    fires: 0.1,
    quiet: 0,
    below: '4m45s',
    seen: rate => ({
      [`alertmanager_notifications_failed_total{${alertmanager},integration="slack"}`]: perSecond(rate),
    }),
  },
  {
    alert: 'AlertmanagersApart',
    severity: 'warning',
    fires: 1,
    quiet: 2,
    below: '4m45s',
    seen: members => ({ [`alertmanager_cluster_members{${alertmanager}}`]: members }),
  },
]
