import type { LiveEvents } from '#shared/schemas/live.ts'
import { services } from './services.ts'

/** What a browser is told of this instance: whether all is well, and if not, what does not work. */
export function liveStatus(): LiveEvents['status'] {
  const { health, events, config, redis } = services()
  const { mode, reason } = health.verdict()
  const redisHealthy = health.checks().find(({ name }) => name === 'redis')?.status === 'healthy'
  return { mode, reason, live: redis.kind === 'memory' || (redisHealthy && events.isLive()), sensitive: redis.isUp(), instance: config.instanceId }
}
