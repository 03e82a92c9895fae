import { Counter } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

export const accountEventsWritten = new Counter({
  name: 'fleet2_account_events_total',
  help: 'Account events (sign-ins, refusals and others) by the outcome of writing their audit entries; '
    + 'outcome: written, late, lost (they are in the log alone)',
  labelNames: ['outcome'] as const,
  registers: [registry],
})

fromZero(accountEventsWritten, ['written', 'late', 'lost'])
