import type { LiveEvents } from '#shared/live.ts'
import { services } from './services.ts'

/** What a browser is told of this instance: whether all is well, and if not, what does not work. */
export function liveStatus(): LiveEvents['status'] {
  const { health, config, redis } = services()
  const { mode, reason, standby } = health.verdict()
  return {
    mode, reason, live: health.isLive(), sensitive: redis.isUp(), instance: config.instanceId,
    ...standby ? { standbyOf: config.standbyOf } : {},
  }
}
