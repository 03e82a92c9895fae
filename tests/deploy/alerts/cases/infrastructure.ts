import { perSecond, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

const up = (values: Record<string, number>, job: string): Seen => Object.fromEntries(Object.entries(values)
  .map(([instance, value]) => [`up{job="${job}",component="x",instance="${instance}"}`, value]))
const host = 'job="node",component="host",instance="node-exporter"'

const cpu = (percent: number): Seen => ({
  [`node_cpu_seconds_total{${host},cpu="0",mode="idle"}`]: perSecond(1 - percent / 100),
  [`node_cpu_seconds_total{${host},cpu="0",mode="user"}`]: perSecond(percent / 100),
})
const memory = (percent: number): Seen => ({
  [`node_memory_MemAvailable_bytes{${host}}`]: 100 - percent, [`node_memory_MemTotal_bytes{${host}}`]: 100,
})
const disk = (percent: number): Seen => ({
  [`node_filesystem_avail_bytes{${host},fstype="ext4",mountpoint="/"}`]: 100 - percent,
  [`node_filesystem_size_bytes{${host},fstype="ext4",mountpoint="/"}`]: 100,
})

export const infrastructure: Case[] = [
  {
    alert: 'NodeDown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '15s',
    seen: answers => ({
      ...up({ nginx: answers }, 'checker'),
      ...up({ nginx: answers, nginx2: 1 }, 'nginx'),
    }),
  },
  {
    alert: 'ServiceDown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '15s',
    seen: checker => ({ ...up({ nginx: checker }, 'checker'), ...up({ nginx: 1 }, 'nginx') }),
  },
  {
    alert: 'ExporterDown',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '45s',
    seen: exporter => ({ ...up({ patroni1: exporter }, 'postgres'), ...up({ patroni1: 1 }, 'patroni') }),
  },
  { alert: 'CpuUsageHigh', severity: 'warning', seen: cpu, fires: 81, quiet: 10, below: 79 },
  { alert: 'CpuUsageHigh', severity: 'critical', seen: cpu, fires: 96, quiet: 10, below: 94 },
  { alert: 'MemoryUsageHigh', severity: 'warning', seen: memory, fires: 86, quiet: 10, below: 85 },
  { alert: 'MemoryUsageHigh', severity: 'critical', seen: memory, fires: 96, quiet: 10, below: 95 },
  { alert: 'DiskUsageHigh', severity: 'warning', seen: disk, fires: 81, quiet: 10, below: 79 },
  { alert: 'DiskUsageHigh', severity: 'critical', seen: disk, fires: 91, quiet: 10, below: 89 },
  {
    alert: 'ContainerMemoryHigh',
    severity: 'warning',
    fires: 86,
    quiet: 10,
    below: 85,
    seen: used => ({
      'container_memory_working_set_bytes{job="cadvisor",name="fleet-app1"}': used,
      'container_spec_memory_limit_bytes{job="cadvisor",name="fleet-app1"}': 100,
    }),
  },
  {
    alert: 'ClockSkew',
    severity: 'warning',
    fires: 3,
    quiet: 0,
    below: 1.9,
    // Time begins at 0 here; this clock is ahead by so much.
    seen: offset => ({
      'fleet2_clock_seconds{job="fleet2",component="application",instance="app1"}': `${offset}+15x1000`,
    }),
  },
  {
    alert: 'EtcdQuorumAtRisk',
    severity: 'warning',
    fires: 0,
    quiet: 1,
    below: '45s',
    seen: third => up({ etcd1: 1, etcd2: 1, etcd3: third }, 'etcd'),
  },
  {
    alert: 'EtcdNoQuorum',
    severity: 'critical',
    fires: 1,
    quiet: 3,
    below: 2,
    seen: count =>
      Object.fromEntries(
        [1, 2, 3].map(number => [
          `etcd_server_has_leader{job="etcd",instance="etcd${number}"}`,
          Number(number <= count),
        ]),
      ),
  },
  {
    alert: 'PoolerWaiting',
    severity: 'warning',
    fires: 1,
    quiet: 0,
    below: '45s',
    seen: waiting => ({
      'pgbouncer_pools_client_waiting_connections{job="pgbouncer",instance="pgbouncer-primary",database="fleet"}':
        waiting,
    }),
  },
  {
    alert: 'NginxConnectionsHigh',
    severity: 'warning',
    fires: 13_200,
    quiet: 100,
    below: 13_100,
    seen: connections => ({ 'nginx_connections_active{job="nginx",instance="nginx"}': connections }),
  },
]
