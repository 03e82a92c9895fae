import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const operationsLooks = new Counter({
  name: 'fleet2_operations_looks_total',
  help: 'Queries from the operations view to a component, none while nobody looks; part: redis, '
    + 'pgbouncer, patroni, haproxy, nginx, etcd, timeline, charts; outcome: answered, failed',
  labelNames: ['part', 'outcome'] as const,
  registers: [registry],
})
