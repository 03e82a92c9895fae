import { chosen, quantile, rate, series } from './query.ts'
import type { DashboardSpec } from './types.ts'

const containers = 'name=~"fleet-.+"'
const devices = 'device!~"lo|veth.*|br-.*|docker.*"'

/** Utilisation, saturation, errors of what Fleet2 runs on. */
export const infrastructure: DashboardSpec = {
  uid: 'fleet2-infrastructure',
  title: 'Infrastructure',
  question: 'Do the machines have enough of what Fleet2 needs: processor, memory, disk and network?',
  instances: { metric: 'node_uname_info', label: 'instance' },
  next: 'fleet2-postgresql',
  rows: [
    {
      title: 'Is anything short?',
      panels: [
        {
          kind: 'stat', title: 'Busiest processor (good: under 80 %)', unit: 'percentunit',
          alerts: ['CpuUsageHigh'], width: 6,
          description: 'Of the chosen machines, over 5 minutes. Past 95 % health checks and leases run '
            + 'out of time.',
          queries: [{ expr: `max(${series('instance:cpu_usage:ratio5m', chosen)})` }],
        },
        {
          kind: 'stat', title: 'Fullest memory (good: under 85 %)', unit: 'percentunit',
          alerts: ['MemoryUsageHigh'], width: 6,
          description: 'What programs hold and the kernel cannot give back. At 100 % the kernel ends a '
            + 'process.',
          queries: [{ expr: `max(${series('instance:memory_usage:ratio', chosen)})` }],
        },
        {
          kind: 'stat', title: 'Fullest disk (good: under 80 %)', unit: 'percentunit',
          alerts: ['DiskUsageHigh'], width: 6,
          description: 'A PostgreSQL whose disk is full stops. Growth below tells how long there is.',
          queries: [{ expr: `max(${series('instance:disk_usage:ratio', chosen)})` }],
        },
        {
          kind: 'stat', title: 'Clock furthest off (good: under 2 s)', unit: 's', alerts: ['ClockSkew'],
          width: 6,
          description: 'Against Prometheus\'s clock. Leases, sessions and the order of events rest on '
            + 'clocks.',
          queries: [{ expr: `max(abs(${series('instance:clock_offset:seconds')}))` }],
        },
      ],
    },
    {
      title: 'Machines',
      panels: [
        {
          kind: 'graph', title: 'Processor (good: under 80 %)', unit: 'percentunit', max: 1,
          alerts: ['CpuUsageHigh'],
          description: 'Share that was not idle, by machine.',
          queries: [{
            expr: `max by (instance) (${series('instance:cpu_usage:ratio5m', chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Load per core (good: under 1)', unit: 'none', limit: { warning: 1 },
          description: 'Processes that run or want to, by core. Above 1 somebody waits for the '
            + 'processor or the disk.',
          queries: [{
            expr: `max by (instance) (${series('node_load1', chosen)})`
              + ` / count by (instance) (${series('node_cpu_seconds_total', chosen, 'mode="idle"')})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Memory (good: under 85 %)', unit: 'percentunit', max: 1,
          alerts: ['MemoryUsageHigh'],
          description: 'Share that is not available for programs, by machine.',
          queries: [{
            expr: `max by (instance) (${series('instance:memory_usage:ratio', chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Disk (good: under 80 %)', unit: 'percentunit', max: 1,
          alerts: ['DiskUsageHigh'],
          description: 'Share in use, by file system.',
          queries: [{
            expr: `max by (instance, mountpoint) (${series('instance:disk_usage:ratio', chosen)})`,
            legend: '{{instance}} {{mountpoint}}',
          }],
        },
        {
          kind: 'graph', title: 'Disk busy (good: under 80 %)', unit: 'percentunit', max: 1,
          limit: { warning: 0.8 },
          description: 'Share of time with something to do, by disk. A commit waits for the disk; '
            + 'etcd\'s leases do too.',
          queries: [{
            expr: `max by (instance, device) (${rate('node_disk_io_time_seconds_total', chosen)})`,
            legend: '{{instance}} {{device}}',
          }],
        },
        {
          kind: 'graph', title: 'Disk: written and read (good: level)', unit: 'Bps',
          description: 'Bytes per second, by machine.',
          queries: [
            { expr: `sum by (instance) (${rate('node_disk_written_bytes_total', chosen)})`,
              legend: '{{instance}} written' },
            { expr: `sum by (instance) (${rate('node_disk_read_bytes_total', chosen)})`,
              legend: '{{instance}} read' },
          ],
        },
        {
          kind: 'graph', title: 'Network (good: far under the link\'s speed)', unit: 'Bps', width: 12,
          description: 'Bytes per second, without the links between containers.',
          queries: [
            { expr: `sum by (instance) (${rate('node_network_receive_bytes_total', chosen, devices)})`,
              legend: '{{instance}} in' },
            { expr: `sum by (instance) (${rate('node_network_transmit_bytes_total', chosen, devices)})`,
              legend: '{{instance}} out' },
          ],
        },
        {
          kind: 'graph', title: 'Network: lost or faulty packets (good: none)', unit: 'pps',
          limit: { warning: 1 }, width: 12,
          description: 'Dropped or with an error, in or out. They cost retransmissions, and so time.',
          queries: ['receive_drop', 'transmit_drop', 'receive_errs', 'transmit_errs'].map(what => ({
            expr: `sum by (instance) (${rate(`node_network_${what}_total`, chosen, devices)})`,
            legend: `{{instance}} ${what}`,
          })),
        },
      ],
    },
    {
      title: 'Containers',
      panels: [
        {
          kind: 'graph', title: 'Processor by container (good: under its limit)', unit: 'none',
          emptyUntil: 'containers', width: 6,
          description: 'Cores in use.',
          queries: [{
            expr: `sum by (name) (${rate('container_cpu_usage_seconds_total', containers)})`,
            legend: '{{name}}',
          }],
        },
        {
          kind: 'graph', title: 'Memory by container (good: under 85 % of its limit)', unit: 'percentunit',
          max: 1,
          emptyUntil: 'containers', alerts: ['ContainerMemoryHigh'], width: 6,
          description: 'Share of the limit that the compose file sets. At 100 % the kernel ends it.',
          queries: [{
            expr: `max by (name) (${series('container_memory_working_set_bytes', containers)})`
              + ` / max by (name) (${series('container_spec_memory_limit_bytes', containers)} > 0)`,
            legend: '{{name}}',
          }],
        },
        {
          kind: 'graph', title: 'Disk written by container (good: level)', unit: 'Bps',
          emptyUntil: 'containers', width: 6,
          description: 'Bytes per second.',
          queries: [{
            expr: `sum by (name) (${rate('container_fs_writes_bytes_total', containers)})`,
            legend: '{{name}}',
          }],
        },
        {
          kind: 'graph', title: 'Network by container (good: level)', unit: 'Bps', emptyUntil: 'containers',
          width: 6,
          description: 'Bytes per second, in and out.',
          queries: [
            { expr: `sum by (name) (${rate('container_network_receive_bytes_total', containers)})`,
              legend: '{{name}} in' },
            { expr: `sum by (name) (${rate('container_network_transmit_bytes_total', containers)})`,
              legend: '{{name}} out' },
          ],
        },
      ],
    },
    {
      title: 'Processes that tell of themselves',
      panels: [
        {
          kind: 'graph', title: 'Processor by process (good: under 1 core)', unit: 'none',
          description: 'Cores in use by instances, etcd and the monitoring. An instance does one thing '
            + 'at a time: 1 core is all.',
          queries: [{
            expr: `max by (job, instance) (`
              + `${rate('process_cpu_seconds_total', 'job=~"fleet2|etcd|prometheus"')})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Heap of the instances (good: under 90 %)', unit: 'percentunit', max: 1,
          alerts: ['HeapHigh'],
          description: 'V8\'s heap in use, of its limit. At 100 % the process ends and its requests with it.',
          queries: [{
            expr: `max by (instance) (${series('nodejs_heap_size_bytes', 'type="used"')})`
              + ` / max by (instance) (${series('fleet2_heap_size_limit_bytes')})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'etcd: writing to disk, 99 % (good: under 10 ms)', unit: 's',
          limit: { warning: 0.01 },
          description: 'How long an entry of etcd\'s log takes to be safe. Slow: leases are late, and '
            + 'a healthy leader loses its own.',
          queries: [{
            expr: quantile(0.99, 'etcd_disk_wal_fsync_duration_seconds', ['instance']),
            legend: '{{instance}}',
          }],
        },
      ],
    },
  ],
}
