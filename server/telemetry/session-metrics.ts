import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const sessionProofs = new Counter({
  name: 'fleet2_session_proofs_total',
  help: 'What sealed proofs were used for: spoke-for-redis a request while Redis was away, restored a record that Redis had lost, begun-without-redis a sign-in while it was away',
  labelNames: ['outcome'] as const,
  registers: [registry],
})
export const sessionsRefused = new Counter({
  name: 'fleet2_sensitive_refused_total',
  help: 'Sensitive actions that were told to ask again later because Redis was away',
  registers: [registry],
})
