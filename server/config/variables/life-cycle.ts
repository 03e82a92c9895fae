import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

export const lifeCycleVariables = {
  requestTimeoutSeconds: variable({
    name: 'NUXT_REQUEST_TIMEOUT',
    group: 'Life cycle',
    description: 'Seconds a request may take. Every wait within it is bounded by the time left. 20 s is '
      + 'long enough for a write to outlast a database failover.',
    default: '20',
    example: '30',
    schema: wholeNumber(1, 300, 20),
  }),
  drainDelaySeconds: variable({
    name: 'NUXT_DRAIN_DELAY',
    group: 'Life cycle',
    description: 'Seconds after SIGTERM during which the instance still serves requests while its health '
      + 'check answers 503, so that the load balancer notices first. Must be at least the load balancer\'s '
      + 'check interval.',
    default: '5 (0 in the embedded mode)',
    example: '10',
    schema: z.string().optional().pipe(wholeNumber(0, 300, -1)),
  }),
  drainTimeoutSeconds: variable({
    name: 'NUXT_DRAIN_TIMEOUT',
    group: 'Life cycle',
    description: 'Seconds after SIGTERM at which requests still running are cut off. Must be at least the '
      + 'drain delay plus the request time-out.',
    default: '30',
    example: '60',
    schema: wholeNumber(1, 600, 30),
  }),
}
