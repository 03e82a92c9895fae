import type { Logger } from 'pino'
import type { LiveEvents } from '#shared/schemas/live.ts'
import { compareStreamIds, isStreamId, type RedisPort, type StreamEntry } from './port.ts'

/** The events that go to everybody in the organisation; the others concern one connection. */
export type OrganisationEvent = 'positions' | 'changed'

export interface Subscriber {
  onEvent(event: { id: string, name: OrganisationEvent, data: unknown }): void
  /** Events may be missing: the browser must fetch its state again. */
  onResync(reason: string): void
}

export interface Events {
  /** Tells every instance's browsers. Never rejects: what it tells has been committed, whoever misses it fetches it later. */
  publish<Name extends OrganisationEvent>(organisationId: string, name: Name, data: LiveEvents[Name]): Promise<void>
  /**
   * Replays what came after `lastEventId`, then goes on live, with no gap and nothing twice. An id that the stream no longer holds
   * gives `onResync` first. Resolves to the function that ends it.
   */
  subscribe(organisationId: string, lastEventId: string | null, subscriber: Subscriber): Promise<() => void>
  /** Whether the last word from Redis was a good one: events of other instances arrive. */
  isLive(): boolean
}

/** About 1,000 events: a tab that was away for a few minutes resumes; one that was away longer does better to fetch the state. */
const maxLength = 1_000
const ttlSeconds = 3_600

interface Hub {
  subscribers: Set<{ deliver: (entry: StreamEntry) => void, gap: (reason: string) => void }>
  ready: Promise<() => void>
}

/** Live events over the Redis port: one stream an organisation, one follower an organisation and instance, shared by its subscribers. */
export function createEvents(redis: RedisPort, log: Logger): Events {
  const hubs = new Map<string, Hub>()
  let live = true

  function hubOf(organisationId: string): Hub {
    const found = hubs.get(organisationId)
    if (found) return found
    const hub: Hub = {
      subscribers: new Set(),
      ready: redis.streamFollow(streamOf(organisationId), {
        onEntry: (entry) => {
          for (const { deliver } of hub.subscribers) deliver(entry)
        },
        onGap: (reason) => {
          for (const { gap } of hub.subscribers) gap(reason)
        },
      }),
    }
    hubs.set(organisationId, hub)
    return hub
  }

  return {
    async publish(organisationId, name, data) {
      const value = JSON.stringify({ name, data })
      try {
        await redis.streamAppend(streamOf(organisationId), value, { maxLength, ttlSeconds })
        live = true
      }
      catch (error) {
        live = false
        log.debug({ err: error }, 'A live event reaches the browsers of this instance alone')
        // Without an id: a resume must not start from what other instances have never seen.
        for (const { deliver } of hubs.get(organisationId)?.subscribers ?? []) deliver({ id: '', value })
      }
    },

    async subscribe(organisationId, lastEventId, subscriber) {
      const hub = hubOf(organisationId)
      // Held back until the replay is through, so that old comes before new.
      let held: StreamEntry[] | null = []
      let last = lastEventId && isStreamId(lastEventId) ? lastEventId : '0-0'
      const handlers = {
        deliver(entry: StreamEntry) {
          if (held) return void held.push(entry)
          if (entry.id && compareStreamIds(entry.id, last) <= 0) return
          if (entry.id) last = entry.id
          subscriber.onEvent({ id: entry.id, ...JSON.parse(entry.value) })
        },
        gap: (reason: string) => subscriber.onResync(reason),
      }
      hub.subscribers.add(handlers)
      const unsubscribe = async () => {
        hub.subscribers.delete(handlers)
        if (hub.subscribers.size > 0 || hubs.get(organisationId) !== hub) return
        hubs.delete(organisationId)
        await hub.ready.then(stop => stop(), () => {})
      }
      try {
        await hub.ready
        if (lastEventId) {
          const missed = await replay(redis, streamOf(organisationId), lastEventId)
          if (missed === null) subscriber.onResync('events have been missed')
          else held.unshift(...missed)
        }
        live = true
      }
      catch (error) {
        live = false
        log.debug({ err: error }, 'A live stream starts without Redis')
        if (lastEventId) subscriber.onResync('events may have been missed')
      }
      const waiting = held
      held = null
      for (const entry of waiting) handlers.deliver(entry)
      return () => void unsubscribe()
    },

    isLive: () => live,
  }
}

function streamOf(organisationId: string): string {
  return `events:${organisationId}`
}

/** What came after `lastEventId`; null where that cannot be known: malformed, trimmed away, or from a future that was lost. */
async function replay(redis: RedisPort, stream: string, lastEventId: string): Promise<StreamEntry[] | null> {
  if (!isStreamId(lastEventId)) return null
  const range = await redis.streamRange(stream)
  if (!range || compareStreamIds(lastEventId, range.last) > 0 || compareStreamIds(lastEventId, range.first) < 0) return null
  return redis.streamRead(stream, lastEventId, maxLength)
}
