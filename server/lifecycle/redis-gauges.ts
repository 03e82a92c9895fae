import type { Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { gauge } from '#server/telemetry/metrics.ts'

/** What Prometheus asks of Redis and its Sentinels, answered from memory. */
export function exportRedisGauges(redis: () => RedisPort | null, registry: () => Registry | null): void {
  const view = () => redis()?.sentinels() ?? null
  gauge('fleet2_redis_up', '1 while commands are sent to Redis, 0 while it is known to be away', [], () => redis() ? [{ labels: {}, value: Number(redis()!.isUp()) }] : [])
  gauge('fleet2_redis_sentinels', 'Sentinels that are configured, and that answered lately', ['state'], () => view()
    ? [{ labels: { state: 'configured' }, value: view()!.total }, { labels: { state: 'reachable' }, value: view()!.reachable }]
    : [])
  gauge('fleet2_redis_quorum', '1 while the Sentinels could agree on a failover', [], () => view() ? [{ labels: {}, value: Number(view()!.quorum) }] : [])
  gauge('fleet2_redis_replicas', 'Replicas that the Sentinels know of', [], () => view() ? [{ labels: {}, value: view()!.replicas }] : [])
  gauge('fleet2_instances', 'Instances heard of within the last seconds; absent while Redis is away', [], () => {
    const known = registry()?.instances()
    return known ? [{ labels: {}, value: known.length }] : []
  })
}
