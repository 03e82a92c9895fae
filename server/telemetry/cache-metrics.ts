import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

const looked = new Counter({ name: 'fleet2_cache_requests_total', help: 'Looks into the cache; bypassed: Redis is away; stale: no server could give the value, the last known one was', labelNames: ['cache', 'result'] as const, registers: [registry] })
const notForgotten = new Counter({ name: 'fleet2_cache_invalidations_failed_total', help: 'Values that were changed and could not be invalidated in Redis; they end within ten seconds', registers: [registry] })

/** What `server/redis/cache.ts` counts. */
export const cacheMetrics = {
  looked: (cache: string, result: 'hit' | 'miss' | 'bypassed' | 'stale') => looked.inc({ cache, result }),
  notForgotten: () => notForgotten.inc(),
}
