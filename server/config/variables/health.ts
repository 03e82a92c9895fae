import { z } from 'zod'
import { httpUrl, wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

export const healthVariables = {
  memoryLimitMb: variable({
    name: 'NUXT_MEMORY_LIMIT_MB',
    group: 'Health',
    description: 'Memory this instance may use, if the container\'s limit is not the right figure.',
    default: 'the cgroup\'s limit, else the machine\'s memory',
    example: '1024',
    schema: z.string().optional().pipe(wholeNumber(0, 1_048_576, 0)),
  }),
  healthToken: variable({
    name: 'NUXT_HEALTH_TOKEN',
    group: 'Health',
    description: 'Bearer token that gives access to the full health report from outside the trusted '
      + 'networks.',
    default: 'none',
    example: 'openssl rand -base64 32',
    secret: true,
    schema: z.string().min(16, 'must be at least 16 characters').optional(),
  }),
  maxEventStreams: variable({
    name: 'NUXT_MAX_EVENT_STREAMS',
    group: 'Health',
    description: 'Maximum number of live streams on this instance. Beyond it a browser is asked to '
      + 'reconnect and reaches another instance.',
    default: '2000',
    example: '5000',
    schema: wholeNumber(1, 100_000, 2_000),
  }),
  standbyOf: variable({
    name: 'NUXT_STANDBY_OF',
    group: 'Health',
    description: 'In a standby region (docs/second-region.md): the public address of the region that '
      + 'accepts changes. While every database server here is replaying, changes are refused at once and '
      + 'the answer names that address. Once a server here accepts writes, the instance behaves like any '
      + 'other.',
    default: 'none',
    example: 'https://app.fleet2.com',
    schema: httpUrl,
  }),
}
