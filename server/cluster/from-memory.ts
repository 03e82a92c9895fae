import type { DatabaseState } from '#server/database/monitor.ts'
import type { KnownInstance, Registry } from '#server/redis/instances.ts'
import type { RedisPort } from '#server/redis/port.ts'
import type { SentinelView } from '#server/redis/sentinels.ts'
import type { InstanceView, Known, RedisView, RouterView, SentinelsView } from '#shared/operations.ts'
import { iso, notConfigured, type Port } from './look.ts'

/**
 * What this instance knows anyway, because it works with it: nobody is asked for these. Each remembers the
 * last that was known, and since when it is not.
 */
export interface FromMemory {
  instances(): Known<InstanceView[]>
  router(): Known<RouterView>
  sentinels(): Known<SentinelsView>
}

export function createFromMemory({ registry, databaseState, sentinels, now = Date.now }: {
  registry: Pick<Registry, 'instances' | 'missing' | 'lastKnown'>
  databaseState: () => DatabaseState
  sentinels: () => SentinelView | null
  now?: () => number
}): FromMemory {
  const redisLost = remember()
  const databaseLost = remember()
  const sentinelsLost = remember()
  let lastRouter: { value: RouterView, at: number } | null = null
  let lastSentinels: { value: SentinelsView, at: number } | null = null

  /** Since when something cannot be known. */
  function remember() {
    let since: number | null = null
    return (isLost: boolean) => since = isLost ? since ?? now() : null
  }

  return {
    instances() {
      const source = 'the list of instances in Redis'
      const present = registry.instances()
      const since = redisLost(present === null)
      if (present) {
        const silent = registry.missing().map(one => toInstance(one, true))
        const value = [...present.map(one => toInstance(one, false)), ...silent]
        return { state: 'known', source, value, at: iso(now()), since: null, reason: null }
      }
      const { instances, at } = registry.lastKnown()
      return {
        state: 'unknown', source, value: instances.map(one => toInstance(one, one.silent)),
        at: iso(at || null), since: iso(since),
        reason: 'Redis is not responding: nothing is known of the other instances; this one is up to date',
      }
    },

    router() {
      const state = databaseState()
      const source = 'the read/write router of this instance'
      const reachable = state.primary.reachable || Boolean(state.replica?.reachable)
      const since = databaseLost(!reachable)
      const value = toRouter(state)
      if (reachable) lastRouter = { value, at: now() }
      return reachable
        ? { state: 'known', source, value, at: iso(now()), since: null, reason: null }
        : {
            state: 'unknown', source, at: iso(lastRouter?.at ?? null), since: iso(since),
            // What each pool says is known also now; who was attached is the last that was known.
            value: { ...value, attached: lastRouter?.value.attached ?? null },
            reason: state.primary.error ?? 'No database server is responding',
          }
    },

    sentinels() {
      const view = sentinels()
      if (!view) return notConfigured
      const source = 'the Sentinels'
      const value = toSentinels(view)
      const since = sentinelsLost(view.reachable === 0)
      if (view.reachable > 0) {
        lastSentinels = { value, at: now() }
        return { state: 'known', source, value, at: iso(now()), since: null, reason: null }
      }
      return {
        state: 'unknown', source, value: { ...value, master: lastSentinels?.value.master ?? null },
        at: iso(lastSentinels?.at ?? null), since: iso(since), reason: view.reason,
      }
    },
  }
}

function toInstance(one: KnownInstance, silent: boolean): InstanceView {
  const { instance, version, phase, mode, status, reason, load, startedAt, ageMs } = one
  return {
    name: instance, version, phase, mode, status, reason, ...load,
    startedAt: new Date(startedAt).toISOString(), ageMs: Math.round(ageMs), silent,
  }
}

function toRouter({ primary, replica, attached, timeline, writtenLsn }: DatabaseState): RouterView {
  return {
    primary, replica, timeline,
    attached: attached && attached.map(({ name, synchronous, replayLsn }) => ({
      name, synchronous, lagBytes: writtenLsn === null ? null : Math.max(0, writtenLsn - replayLsn),
    })),
  }
}

function toSentinels({ each, master, quorum, replicas, reason }: SentinelView): SentinelsView {
  return { each, master, quorum, replicas, trouble: reason }
}

/** The master's word on itself and its replicas. `address`: where it is, as far as this instance knows. */
export function redisMaster(redis: RedisPort, address: () => string): Port<RedisView> {
  return {
    source: redis.kind === 'memory' ? 'this process' : 'the Redis master',
    async ask() {
      const { offset, replicas } = await redis.replication()
      return {
        kind: redis.kind, master: address(),
        replicas: replicas.map(({ name, offset: confirmed }) => {
          return { name, lagBytes: Math.max(0, offset - confirmed) }
        }),
      }
    },
  }
}
