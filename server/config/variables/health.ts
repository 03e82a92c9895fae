import { z } from 'zod'
import { httpUrl, wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

export const healthVariables = {
  memoryLimitMb: variable({
    name: 'NUXT_MEMORY_LIMIT_MB',
    group: 'Health',
    description: 'Memory that this instance may use, where the container\'s limit is not the right one.',
    default: 'the cgroup\'s limit, else the machine\'s memory',
    example: '1024',
    schema: z.string().optional().pipe(wholeNumber(0, 1_048_576, 0)),
  }),
  healthToken: variable({
    name: 'NUXT_HEALTH_TOKEN',
    group: 'Health',
    description: 'Whoever shows it as a Bearer token is given the full health report from outside too.',
    default: 'none',
    example: 'openssl rand -base64 32',
    secret: true,
    schema: z.string().min(16, 'must be at least 16 characters').optional(),
  }),
  maxEventStreams: variable({
    name: 'NUXT_MAX_EVENT_STREAMS',
    group: 'Health',
    description: 'Live streams that this instance holds at most; past that a browser is told to try again, '
      + 'and comes to another instance.',
    default: '2000',
    example: '5000',
    schema: wholeNumber(1, 100_000, 2_000),
  }),
  standbyOf: variable({
    name: 'NUXT_STANDBY_OF',
    group: 'Health',
    description: 'In a standby region (docs/second-region.md): the address at which people reach the region '
      + 'that takes changes. While every database server here only replays, changes are refused at once and '
      + 'that address is named; with the first server that takes writes the instance is like any other.',
    default: 'none',
    example: 'https://app.fleet2.com',
    schema: httpUrl,
  }),
}
