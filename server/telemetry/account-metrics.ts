import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const accountEventsWritten = new Counter({ name: 'fleet2_account_events_total', help: 'Sign-ins, refusals and other events of accounts by what became of their audit entries', labelNames: ['outcome'] as const, registers: [registry] })

// Begun at 0, so that the first is an increase.
for (const outcome of ['written', 'late', 'lost']) accountEventsWritten.inc({ outcome }, 0)
