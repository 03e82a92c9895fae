import { BentoCache, bentostore, errors } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import type { Logger } from 'pino'
import { currentContext, runOutsideContext } from '#server/telemetry/context.ts'
import { laterToken } from '#shared/consistency.ts'
import { UnavailableError } from '#shared/errors.ts'
import { createLineage, fenceSeconds, redisLevel } from './cache-drivers.ts'
import type { RedisPort } from './port.ts'

export interface CacheMetrics {
  lookup(cache: string, result: 'hit' | 'miss' | 'bypassed' | 'stale'): void
  invalidationFailed(): void
}

export interface Cache {
  /**
   * The value of `key`, from the cache or from `load`, which must read from the primary. Each instance runs
   * one load per key at a time. `fallback` is another source, and its value is not cached. If no server can
   * give either, the last known value is returned and the answer is marked stale.
   * @param name what is cached: a metric's label, so it must come from a fixed set
   * @param key contains the organisation, or the user that it belongs to
   */
  getOrLoad<T>(
    name: string,
    key: string,
    sources: { load: () => Promise<T>, fallback?: () => Promise<T> },
  ): Promise<T>
  /**
   * Invalidates it on every instance before it resolves. Call it after the commit and before the answer.
   * Never rejects: if Redis cannot be reached, the entry expires within ten seconds.
   */
  invalidate(name: string, key: string): Promise<void>
  /**
   * `load`'s value; if no server can give it, the last one that any instance has seen, with the answer marked
   * stale.
   */
  orLastKnown<T>(name: string, key: string, load: () => Promise<T>): Promise<T>
  /** Keeps a value for `orLastKnown` that was come by otherwise. In the background; not with every call. */
  keep(name: string, key: string, value: unknown): void
  close(): Promise<void>
}

interface Entry {
  value: unknown
  /**
   * The caller's consistency token at the load: the value is at least as new as what that caller had seen.
   */
  token: string | null
  at: number
}

/** If an invalidation did not reach Redis, an entry still expires this soon. */
const ttlMs = 10_000

/**
 * How long an entry is used with no primary to load from: its value cannot change, because that would be a
 * write.
 */
const graceMs = 600_000

/** With an old entry at hand, the primary is not waited for longer than this. */
const slowMs = 250

/** A fallback value is useful for as long as an outage may last. */
const fallbackTtlMs = 3_600_000

/** A list that many people read is saved as a fallback at most this often, not with every read. */
const fallbackSaveIntervalMs = 10_000

/** In the process; the least recently used go first. */
const maxEntries = 5_000

/** And no more than this. */
const maxMemory = '32mb'

/** Larger answers are not saved: each would push out a hundred others. */
const maxFallbackBytes = 262_144

/** A slower load is not stored: it may predate an invalidation whose fence has expired. */
const slowestLoadMs = fenceSeconds * 1000 / 2

const noMetrics: CacheMetrics = { lookup() {}, invalidationFailed() {} }

/**
 * This instance's cache: bentocache's levels and single flight over the Redis port, never older than the
 * caller has seen.
 */
export function createCache({
  redis,
  log,
  metrics = noMetrics,
}: {
  redis: RedisPort
  log: Logger
  metrics?: CacheMetrics
}): Cache {
  const lineage = createLineage(redis)
  const level2 = redisLevel(redis, lineage)
  const bento = new BentoCache({
    default: 'shared',
    // What Redis does not answer is loaded: a cache that fails is a miss.
    suppressL2Errors: true,
    lockTimeout: 1_000,
    stores: {
      // An entry that has expired without being invalidated is as valid as a fresh one: it stays in use while
      // the primary is slow or away. In Redis alone: an invalidation there holds for every instance. A copy
      // in the process would have to be told, and until it is, somebody who has just seen the new value is
      // shown the old one; a caller's consistency token does not help, it is taken back once every replica
      // has passed it.
      shared: bentostore({ ttl: ttlMs, grace: graceMs, graceBackoff: 2_000, timeout: slowMs }).useL2Layer(
        level2,
      ),
      // As text, although objects would be quicker: bentocache 1.6.1 puts what it takes from the shared level
      // into a memory level without serialisation as text all the same.
      fallback: bentostore({ ttl: fallbackTtlMs })
        .useL1Layer(memoryDriver({ maxItems: maxEntries, maxSize: maxMemory }))
        .useL2Layer(level2),
    },
  })
  const fallbackSavedAt = new Map<string, number>()

  function mark(at: number) {
    const context = currentContext()
    if (context) context.staleSeconds = Math.max(context.staleSeconds ?? 0, (Date.now() - at) / 1000)
  }

  /** Saves a copy for when no server answers. In the background: no answer waits for it. */
  function saveFallback(name: string, key: string, value: unknown) {
    const id = `${name}:${key}`
    const now = Date.now()
    if (now - (fallbackSavedAt.get(id) ?? 0) < fallbackSaveIntervalMs) return
    if (fallbackSavedAt.size >= maxEntries) fallbackSavedAt.clear()
    fallbackSavedAt.set(id, now)
    if (JSON.stringify(value ?? null).length > maxFallbackBytes) return
    runOutsideContext(() =>
      bento
        .use('fallback')
        .set({ key: `kept:${id}`, value: { value, token: null, at: now } satisfies Entry })
        .catch(error => log.debug({ err: error }, 'A fallback value was not saved')),
    )
  }

  async function lastKnown<T>(name: string, key: string, error: unknown): Promise<T> {
    if (!(error instanceof UnavailableError)) throw error
    const copy = await bento
      .use('fallback')
      .get<Entry | undefined>({ key: `kept:${name}:${key}` })
      .catch(() => undefined)
    if (!copy) throw error
    metrics.lookup(name, 'stale')
    mark(copy.at)
    return copy.value as T
  }

  async function orLastKnown<T>(name: string, key: string, load: () => Promise<T>): Promise<T> {
    try {
      const value = await load()
      saveFallback(name, key, value)
      return value
    }
    catch (error) {
      return lastKnown<T>(name, key, error)
    }
  }

  return {
    orLastKnown,
    keep: saveFallback,
    async getOrLoad<T>(
      name: string,
      key: string,
      { load, fallback = load }: { load: () => Promise<T>, fallback?: () => Promise<T> },
    ): Promise<T> {
      // No invalidation could be sent or received.
      if (!redis.isUp()) {
        metrics.lookup(name, 'bypassed')
        return orLastKnown(name, key, fallback)
      }
      const wanted = currentContext()?.consistencyToken ?? null
      let loaded = false
      const ask = (forceFresh: boolean) =>
        bento.use('shared').getOrSet<Entry>({
          key: `${name}:${key}`,
          forceFresh,
          factory: async ({ setOptions }) => {
            loaded = true
            const started = Date.now()
            const value = await load()
            if (Date.now() - started > slowestLoadMs) setOptions({ ttl: 1, skipL2Write: true })
            return { value, token: wanted, at: started }
          },
        })
      try {
        let entry = await ask(false)
        if (!loaded && isNewer(wanted, entry.token)) entry = await ask(true)
        metrics.lookup(name, loaded ? 'miss' : 'hit')
        saveFallback(name, key, entry.value)
        return entry.value as T
      }
      catch (error) {
        // bentocache wraps what `load` throws; that is the caller's, unless it says that there is no server.
        // Its own errors (waiting too long for another's load) are nobody's: the value is read without it.
        if (error instanceof errors.E_FACTORY_ERROR && !(error.cause instanceof UnavailableError))
          throw error.cause
        return orLastKnown(name, key, fallback)
      }
    },

    async invalidate(name, key) {
      try {
        await bento.use('shared').delete({ key: `${name}:${key}`, suppressL2Errors: false })
      }
      catch (error) {
        metrics.invalidationFailed()
        log.warn(
          { err: error, cache: name },
          'A cached value could not be invalidated; it expires within ten seconds',
        )
      }
    },

    async close() {
      lineage.stop()
      await bento.disconnectAll()
    },
  }
}

/** Whether a caller who has seen `wanted` may have seen more than an entry that was loaded under `known`. */
function isNewer(wanted: string | null, known: string | null): boolean {
  if (!wanted || wanted === known) return false
  return !known || laterToken(known, wanted) === wanted
}
