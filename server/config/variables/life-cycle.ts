import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

export const lifeCycleVariables = {
  requestTimeoutSeconds: variable({
    name: 'NUXT_REQUEST_TIMEOUT',
    group: 'Life cycle',
    description: 'Seconds that a request may take: every wait inside it is bounded by what is left. 20 s '
      + 'lets a write outwait a failover of the database.',
    default: '20',
    example: '30',
    schema: wholeNumber(1, 300, 20),
  }),
  drainDelaySeconds: variable({
    name: 'NUXT_DRAIN_DELAY',
    group: 'Life cycle',
    description: 'Seconds after SIGTERM in which the instance still serves while its health says 503, so '
      + 'that the balancer notices first. At least the balancer\'s check interval.',
    default: '5 (0 in the embedded mode)',
    example: '10',
    schema: z.string().optional().pipe(wholeNumber(0, 300, -1)),
  }),
  drainTimeoutSeconds: variable({
    name: 'NUXT_DRAIN_TIMEOUT',
    group: 'Life cycle',
    description: 'Seconds after SIGTERM at which what still runs is cut. At least the drain delay and the '
      + 'request time-out together.',
    default: '30',
    example: '60',
    schema: wholeNumber(1, 600, 30),
  }),
}
