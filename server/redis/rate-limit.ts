import { UnavailableError } from '#shared/errors.ts'
import { rateLimitLocal } from '#server/telemetry/redis-metrics.ts'
import type { RedisPort } from './port.ts'

export interface Limit {
  /** Attempts in a window. */
  limit: number
  windowSeconds: number
}

export interface Verdict {
  allowed: boolean
  /** Attempts in this window so far, over all instances as far as is known. */
  count: number
  /** When the window ends, if it is not allowed. */
  retryAfterSeconds: number
}

/** With more local entries than this, the expired ones are deleted. */
const localSweepAt = 10_000

/** If this many are still active, someone is making keys up: the oldest are dropped to bound memory. */
const maxLocal = 50_000

export type RateLimiter = ReturnType<typeof createRateLimiter>

/**
 * Counts attempts across all instances, atomically. While Redis is unavailable each instance counts alone and
 * allows its share, so that together they allow no more than before. It never lets everything through.
 * `instances` is how many instances there are, or were when that was last known.
 */
export function createRateLimiter(redis: RedisPort, instances: () => number, now: () => number = Date.now) {
  const local = new Map<string, { count: number, endsAt: number }>()

  function takeLocally(key: string, { limit, windowSeconds }: Limit, attempts: number): Verdict {
    const at = now()
    if (local.size > localSweepAt)
      for (const [name, { endsAt }] of local) if (endsAt <= at || local.size > maxLocal) local.delete(name)
    const found = local.get(key)
    const window = found && found.endsAt > at ? found : { count: 0, endsAt: at + windowSeconds * 1000 }
    window.count += attempts
    local.set(key, window)
    return {
      count: window.count * instances(),
      allowed: window.count <= Math.max(1, Math.floor(limit / instances())),
      retryAfterSeconds: Math.ceil((window.endsAt - at) / 1000),
    }
  }

  async function count(key: string, limit: Limit, attempts: number): Promise<Verdict> {
    try {
      const { value, ttlSeconds } = await redis.increment(`limit:${key}`, {
        by: attempts,
        ttlSeconds: limit.windowSeconds,
      })
      return { count: value, allowed: value <= limit.limit, retryAfterSeconds: ttlSeconds }
    }
    catch (error) {
      if (!(error instanceof UnavailableError)) throw error
      rateLimitLocal.inc()
      return takeLocally(key, limit, attempts)
    }
  }

  return {
    /** Counts one attempt. Does not wait while Redis is known to be unavailable. */
    take: (key: string, limit: Limit): Promise<Verdict> => count(key, limit, 1),

    /** Whether one more would be allowed; counts nothing. */
    async look(key: string, limit: Limit): Promise<Verdict> {
      return count(key, { ...limit, limit: limit.limit - 1 }, 0)
    },

    /** Resets the count: the caller has proved who it is. */
    async reset(key: string): Promise<void> {
      local.delete(key)
      await redis.delete(`limit:${key}`).catch(() => {})
    },
  }
}
