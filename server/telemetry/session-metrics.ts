import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const sessionProofs = new Counter({
  name: 'fleet2_session_proofs_total',
  help: 'Uses of sealed session proofs; outcome: spoke-for-redis (a request while Redis was '
    + 'unavailable), restored (a session record that Redis had lost), begun-without-redis (a sign-in '
    + 'while it was unavailable)',
  labelNames: ['outcome'] as const,
  registers: [registry],
})
export const sessionsRefused = new Counter({
  name: 'fleet2_sensitive_refused_total',
  help: 'Sensitive actions refused because Redis was unavailable',
  registers: [registry],
})
