import { z } from 'zod'
import { redisUrlFault } from '../connection-url.ts'
import { parseHostPort, type HostPort } from '../host-port.ts'
import { absolutePath, checked, flag } from '../readers.ts'
import { variable } from '../variable.ts'

const sentinels = z.string().optional().transform((text, context) => {
  if (!text) return []
  return text.split(',').map((part) => {
    const parsed = parseHostPort(part)
    if (parsed) return parsed
    const wanted = 'must be host:port, separated by commas, such as sentinel1:26379,[2001:db8::2]:26379'
    context.addIssue({ code: 'custom', message: `${wanted}; "${part}" is none` })
    return z.NEVER
  })
})

const natMap = z.string().optional().transform((text, context): Record<string, HostPort> => {
  const map: Record<string, HostPort> = {}
  for (const part of text?.split(',') ?? []) {
    const [announced, reachable] = part.split('=').map(parseHostPort)
    if (!announced || !reachable || part.split('=').length !== 2) {
      const wanted = 'must be announced=reachable, separated by commas, such as '
        + '10.0.0.5:6379=localhost:16379'
      context.addIssue({ code: 'custom', message: `${wanted}; "${part}" is none` })
      return z.NEVER
    }
    // As ioredis asks for it: without brackets.
    map[`${announced.host}:${announced.port}`] = reachable
  }
  return map
})

export const redisVariables = {
  redisUrl: variable({
    name: 'NUXT_REDIS_URL',
    group: 'Redis',
    description: 'Redis. With Sentinel hosts, only the password and database are taken from it and the '
      + 'Sentinels are asked for the master.',
    default: 'the in-process stand-in',
    example: 'redis://:password@redis-primary:6379',
    secret: true,
    schema: checked(redisUrlFault),
  }),
  redisSentinels: variable({
    name: 'NUXT_REDIS_SENTINEL_HOSTS',
    group: 'Redis',
    description: 'Sentinels, as host:port separated by commas. Put IPv6 addresses in brackets.',
    default: 'none',
    example: 'sentinel1:26379,sentinel2:26379,sentinel3:26379',
    schema: sentinels,
  }),
  redisSentinelName: variable({
    name: 'NUXT_REDIS_SENTINEL_NAME',
    group: 'Redis',
    description: 'Name of the master that the Sentinels monitor.',
    default: 'fleet-redis',
    example: 'fleet-redis',
    schema: z.string().min(1, 'must not be empty').default('fleet-redis'),
  }),
  redisSentinelPassword: variable({
    name: 'NUXT_REDIS_SENTINEL_PASSWORD',
    group: 'Redis',
    description: 'Password of the Sentinels, if they require one. The password of Redis itself belongs in '
      + 'its URL.',
    default: 'none',
    example: '…',
    secret: true,
    schema: z.string().min(1, 'must not be empty').optional(),
  }),
  redisSentinelTls: variable({
    name: 'NUXT_REDIS_SENTINEL_TLS',
    group: 'Redis',
    description: 'Whether to connect to the Sentinels over TLS. For Redis itself use a rediss:// URL.',
    default: 'false',
    example: 'true',
    schema: flag(false),
  }),
  redisTlsCaFile: variable({
    name: 'NUXT_REDIS_TLS_CA',
    group: 'Redis',
    description: 'Path of a PEM file with the CA that signed the certificates of Redis and the Sentinels.',
    default: 'the system\'s authorities',
    example: '/etc/fleet2/redis-ca.pem',
    schema: absolutePath,
  }),
  redisNatMap: variable({
    name: 'NUXT_REDIS_NAT_MAP',
    group: 'Redis',
    description: 'Pairs of announced and reachable addresses, for networks in which the addresses '
      + 'announced by the Sentinels cannot be reached directly.',
    default: 'none',
    example: '10.0.0.5:6379=localhost:16379,10.0.0.6:6379=localhost:16380',
    schema: natMap,
  }),
}
