import { Counter } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

export const accountEventsWritten = new Counter({
  name: 'fleet2_account_events_total',
  help: 'Sign-ins, refusals and other events of accounts by what became of their audit entries',
  labelNames: ['outcome'] as const,
  registers: [registry],
})

fromZero(accountEventsWritten, ['written', 'late', 'lost'])
