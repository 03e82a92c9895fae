import type { CreateDriverResult, L2CacheDriver } from 'bentocache/types'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'
import type { RedisPort } from './port.ts'

/**
 * Stands where a value was deleted, for as long as a reader may take that read the old value before the
 * deletion and stores it after: it would bring back what a writer has just invalidated.
 */
const fence = '#'
export const fenceSeconds = 10

/**
 * Which life of which Redis server this instance talks to; null while it does not. Asked once a connection.
 */
export function createLineage(redis: RedisPort) {
  let known: Promise<string> | null = null
  const stop = redis.onReconnect(() => {
    known = null
  })
  return {
    /** @throws {UnavailableError} when Redis is away. */
    async current(): Promise<string> {
      if (!redis.isUp()) {
        known = null
        throw new UnavailableError('Redis is not responding.')
      }
      // Of all who ask meanwhile, and so of no request's time.
      known ??= runOutsideContext(() => redis.replication()).then(({ run }) => run.slice(0, 8))
      try {
        return await known
      }
      catch (error) {
        known = null
        throw error
      }
    },
    stop,
  }
}

/**
 * The shared level: bentocache's driver over Fleet2's own Redis port, with its time limits. Keys carry the
 * life of the server: after a failover, which may have lost the newest invalidations, nothing of before is
 * found.
 */
export function redisLevel(
  redis: RedisPort,
  lineage: ReturnType<typeof createLineage>,
): CreateDriverResult<L2CacheDriver> {
  const named = async (key: string) => `cache:${await lineage.current()}:${key}`
  const driver: L2CacheDriver = {
    type: 'l2',
    namespace: () => driver,
    async get(key) {
      const name = await named(key)
      const value = await redis.get(name)
      // The connection may have moved to another server in between.
      return value === null || value === fence || name !== (await named(key)) ? undefined : value
    },
    async pull(key) {
      const value = await driver.get(key)
      await driver.delete(key)
      return value
    },
    async set(key, value, ttlMs) {
      return redis.fill(await named(key), value, { ttlSeconds: (ttlMs ?? 3_600_000) / 1000, unless: fence })
    },
    async delete(key) {
      return redis.set(await named(key), fence, { ttlSeconds: fenceSeconds })
    },
    async deleteMany(keys) {
      await Promise.all(keys.map(key => driver.delete(key)))
      return true
    },
    async clear() {
      throw new Error('The shared cache is not cleared: its entries end by themselves')
    },
    disconnect: async () => {},
  }
  return { options: {}, factory: () => driver }
}
