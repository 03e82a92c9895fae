import type { RedisPort } from '#server/redis/port.ts'
import { UnavailableError } from '#shared/errors.ts'

/**
 * A Redis that can be taken away and brought back, in this process: for what decides by whether it is there.
 * Real faults are `sentinel.ts`'s.
 */
export function interruptible(redis: RedisPort): { redis: RedisPort, goAway(): void, comeBack(): void } {
  let away = false
  const listeners = new Set<() => void>()
  return {
    redis: new Proxy(redis, {
      get(target, name: keyof RedisPort) {
        if (name === 'isUp') return () => !away
        if (name === 'onReconnect') return (listener: () => void) => void listeners.add(listener)
        const value = target[name]
        if (typeof value !== 'function' || name === 'sentinels') return value
        return (...args: unknown[]) =>
          away
            ? Promise.reject(new UnavailableError('Redis is not responding.'))
            : (value as (...args: unknown[]) => unknown).apply(target, args)
      },
    }),
    goAway() {
      away = true
    },
    comeBack() {
      away = false
      for (const listener of listeners) listener()
    },
  }
}
