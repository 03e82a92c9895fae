import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '#server/config/load.ts'
import { openMemory } from './memory.ts'
import type { RedisPort } from './port.ts'
import { openRedisClient } from './redis.ts'

/** The one place where the adapter is chosen. Opens with Redis away. */
export function openRedis(config: Config, log: Logger): RedisPort {
  if (config.embeddedRedis) {
    return openMemory({
      snapshotFile: join(config.dataDirectory, 'redis-stand-in.json'),
      onWarning: message => log.warn(message),
    })
  }
  return openRedisClient({
    url: config.redisUrl!,
    sentinels: config.redisSentinels,
    sentinelName: config.redisSentinelName,
    sentinelPassword: config.redisSentinelPassword,
    sentinelTls: config.redisSentinelTls,
    tlsCaFile: config.redisTlsCaFile,
    natMap: config.redisNatMap,
    libraryDefaults: config.testBreaks.has('ioredis-defaults'),
    log,
  })
}
