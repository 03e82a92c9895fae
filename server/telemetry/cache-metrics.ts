import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

const lookups = new Counter({
  name: 'fleet2_cache_requests_total',
  help: 'Cache lookups; result: hit, miss, bypassed (Redis was unavailable), stale (no source could '
    + 'provide the value, so the last known one was used)',
  labelNames: ['cache', 'result'] as const,
  registers: [registry],
})
const invalidationFailed = new Counter({
  name: 'fleet2_cache_invalidations_failed_total',
  help: 'Changed values that could not be invalidated in Redis; they expire within ten seconds',
  registers: [registry],
})

const results = ['hit', 'miss', 'bypassed', 'stale'] as const
const begun = new Set<string>()

/** What `server/redis/cache.ts` counts. */
export const cacheMetrics = {
  lookup(cache: string, result: (typeof results)[number]) {
    // A cache that is looked into and never hit has a share of hits, and that is 0.
    if (!begun.has(cache)) for (const each of results) lookups.inc({ cache, result: each }, 0)
    begun.add(cache)
    lookups.inc({ cache, result })
  },
  invalidationFailed: () => invalidationFailed.inc(),
}
