import { Counter } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

/** Counts an attempt to send a mail; deferred: it is tried again, refused: it is not. */
export const countMail = fromZero(new Counter({
  name: 'fleet2_mail_total',
  help: 'Attempts to send a mail; outcome: sent, deferred (it is tried again), refused (it is not)',
  labelNames: ['outcome'] as const,
  registers: [registry],
}), ['sent', 'deferred', 'refused'])
