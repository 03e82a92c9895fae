import type { Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { gauge, reading } from '#server/telemetry/metrics.ts'

/** What Prometheus asks of Redis and its Sentinels, answered from memory. */
export function exportRedisGauges(redis: () => RedisPort | null, registry: () => Registry | null): void {
  const view = () => redis()?.sentinels() ?? null
  /** Only while one of them answers is anything known of what they know. */
  const heard = () => view()?.reachable ? view() : null
  const upHelp = '1 while commands are sent to Redis, 0 while it is known to be unavailable'
  gauge('fleet2_redis_up', upHelp, [], () => reading(redis()?.isUp()))
  const sentinelsHelp = 'Sentinels; state: configured, reachable (answered recently)'
  gauge('fleet2_redis_sentinels', sentinelsHelp, ['state'], () => {
    const now = view()
    return now
      ? [
          { labels: { state: 'configured' }, value: now.total },
          { labels: { state: 'reachable' }, value: now.reachable },
        ]
      : []
  })
  const quorumHelp = '1 while enough Sentinels answer to agree on a failover; absent while none answers'
  gauge('fleet2_redis_quorum', quorumHelp, [], () => reading(heard()?.quorum))
  const replicasHelp = 'Replicas known to the Sentinels; absent while none answers'
  gauge('fleet2_redis_replicas', replicasHelp, [], () => reading(heard()?.replicas))
  const instancesHelp = 'Instances that sent a recent heartbeat; absent while Redis is unavailable'
  gauge('fleet2_instances', instancesHelp, [], () => reading(registry()?.instances()?.length))
}
