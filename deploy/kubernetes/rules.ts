/**
 * The PrometheusRules, made from deploy/monitoring/rules: what alerts under Compose alerts here, word for
 * word. `npm run docs` writes them; tests/deploy/kubernetes-monitoring.test.ts refuses files that are stale.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { folder } from './objects.ts'

interface Rule { alert?: string, record?: string }
interface Group { name: string, rules: Rule[] }

const hosts = 'hosts are the cluster\'s, and so is the watch over them'
const members = 'there is no Patroni: monitoring/postgres-rules.yaml asks CloudNativePG instead'
const backups = 'backups are CloudNativePG\'s: its own figures tell of them'

/** Whole files that do not hold here, and why. */
export const leftOutFiles: Record<string, string> = {
  monitoring: 'Prometheus and Alertmanager are the cluster\'s, and watch themselves',
  postgres: members,
}

/** Single alerts and recordings of the other files, and why. */
export const leftOut: Record<string, string> = {
  'CpuUsageHigh': hosts,
  'MemoryUsageHigh': hosts,
  'DiskUsageHigh': hosts,
  'ContainerMemoryHigh': hosts,
  'instance:cpu_usage:ratio5m': hosts,
  'instance:memory_usage:ratio': hosts,
  'instance:disk_usage:ratio': hosts,
  'fleet2:postgres_disk:bytes': hosts,
  'instance:pg_connections:ratio': members,
  'EtcdQuorumAtRisk': 'the cluster\'s etcd is not ours to watch',
  'EtcdNoQuorum': 'the cluster\'s etcd is not ours to watch',
  'PoolerWaiting': 'the poolers\' figures have other names: monitoring/postgres-rules.yaml has it',
  'BackupOld': backups,
  'BackupUnknown': backups,
  'BackupSchedulerSilent': backups,
  'BackupRepositoryUnreadable': backups,
  'BackupRepositoryDamaged': backups,
  'WalArchiveLate': backups,
  'WalArchiveGap': backups,
  'StandbyRegionBehind': backups,
  'RestoreDrillOld': backups,
  'UndoCopyOpen': backups,
}

const source = join(folder, '../monitoring/rules')
const nameOf = (rule: Rule) => (rule.alert ?? rule.record)!

/** The files of deploy/kubernetes/monitoring/rules by their names. */
export function ruleFiles(): Record<string, string> {
  const names = readdirSync(source).map(file => basename(file, '.yml'))
  const kept = names.filter(name => !(name in leftOutFiles)).sort()
  return Object.fromEntries(kept.map(name => [`${name}.yaml`, ruleFile(name)]))
}

function ruleFile(name: string): string {
  const { groups } = parse(readFileSync(join(source, `${name}.yml`), 'utf8')) as { groups: Group[] }
  const kept = groups
    .map(group => ({ ...group, rules: group.rules.filter(rule => !(nameOf(rule) in leftOut)) }))
    .filter(({ rules }) => rules.length > 0)
  const object = {
    apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: { name: `fleet2-${name}` },
    spec: { groups: kept },
  }
  const head = `# Made by \`npm run docs\` from deploy/monitoring/rules/${name}.yml. Change it there.\n`
  return head + stringify(object, { lineWidth: 106 })
}
