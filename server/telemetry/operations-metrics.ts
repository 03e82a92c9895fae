import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const operationsLooks = new Counter({
  name: 'fleet2_operations_looks_total',
  help: 'Questions that the operators\' view asked of a part of the system: answered, or failed',
  labelNames: ['part', 'outcome'] as const,
  registers: [registry],
})
