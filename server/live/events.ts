import type { Logger } from 'pino'
import { runOutsideContext } from '#server/telemetry/context.ts'
import type { LiveEvents } from '#shared/live.ts'
import {
  createHub,
  formatEntry,
  parseEntry,
  type DeliveredEvent,
  type Hub,
  type OrganisationEvent,
} from './event-hub.ts'
import { compareStreamIds, isStreamId, type RedisPort, type StreamEntry } from '#server/redis/port.ts'

export interface Subscriber {
  /** In order. The array is the same for every subscriber. */
  onEvents(batch: readonly DeliveredEvent[]): void
  /** Events may be missing: the browser must fetch its state again. */
  onResync(reason: string): void
}

export interface PublishedEvent<Name extends OrganisationEvent = OrganisationEvent> {
  /** Stays the same however often it is published: whoever hears it twice drops the second. */
  eventId: string
  organisationId: string
  name: Name
  data: LiveEvents[Name]
}

export interface Events {
  /**
   * Tells every instance's browsers. Resolves to the run of the Redis server that took it
   * (`RedisPort.replication`); null: only this instance's browsers are told, and it is to be published again.
   * Never rejects.
   */
  publish(event: PublishedEvent): Promise<string | null>
  /**
   * Replays what came after `lastEventId`, then goes on live, with no gap and nothing twice. An id that
   * cannot be resumed from gives `onResync` first. Resolves to the function that ends it.
   */
  subscribe(organisationId: string, lastEventId: string | null, subscriber: Subscriber): Promise<() => void>
  /** The id to subscribe with to miss nothing from now on; null when Redis cannot say. Never rejects. */
  position(organisationId: string): Promise<string | null>
  /**
   * Calls `listener` for each event of an organisation that has subscribers here, once for the instance and
   * perhaps twice for the event; with null where events may have been missed. Outside of any request.
   */
  onEvent(
    listener: (organisationId: string, event: Pick<DeliveredEvent, 'name' | 'json'> | null) => void,
  ): void
  /** Whether the last word from Redis was a good one: events of other instances arrive. */
  isLive(): boolean
}

/** What happens to events, counted. */
export interface EventMetrics {
  published(path: 'redis' | 'this-instance'): void
  delivered(events: number): void
  duplicate(): void
  resync(reason: 'interrupted' | 'not-resumable' | 'redis-away'): void
}

/**
 * About 1,000 events: a tab that was away for a few minutes resumes; one that was away longer does better to
 * fetch the state.
 */
export const maxLength = 1_000
const ttlSeconds = 3_600

/**
 * After a failure Redis is left alone this long, and events go to this instance's browsers at once instead of
 * a time-out later.
 */
const pauseMs = 1_000

const noMetrics: EventMetrics = { published() {}, delivered() {}, duplicate() {}, resync() {} }

interface Followed {
  hub: Hub
  ready: Promise<() => void>
}

/**
 * Live events over the Redis port: one stream an organisation, one follower an organisation and instance,
 * shared by its subscribers.
 */
export function createEvents(redis: RedisPort, log: Logger, metrics = noMetrics): Events {
  const followed = new Map<string, Followed>()
  const listeners: ((organisationId: string, event: DeliveredEvent | null) => void)[] = []
  let live = true
  let pausedUntil = 0
  redis.onReconnect(() => {
    live = true
    pausedUntil = 0
  })

  function follow(organisationId: string): Followed {
    const found = followed.get(organisationId)
    if (found) return found
    const hub = createHub({ onDuplicate: metrics.duplicate, onDelivered: metrics.delivered })
    const made: Followed = {
      hub,
      ready: redis.streamFollow(streamOf(organisationId), {
        onEntry(entry) {
          hub.take(entry)
          tell(organisationId, entry)
        },
        onGap(reason) {
          hub.gap(reason)
          tell(organisationId, null)
        },
      }),
    }
    followed.set(organisationId, made)
    return made
  }

  function tell(organisationId: string, entry: StreamEntry | null) {
    if (listeners.length === 0) return
    const event = entry && parseEntry(entry).event
    for (const listener of listeners) runOutsideContext(() => listener(organisationId, event))
  }

  return {
    async publish({ eventId, organisationId, name, data }) {
      const value = formatEntry(eventId, name, JSON.stringify(data))
      try {
        if (Date.now() < pausedUntil) throw new Error('Redis did not respond a moment ago')
        const { run } = await redis.streamAppend(streamOf(organisationId), value, { maxLength, ttlSeconds })
        live = true
        metrics.published('redis')
        return run
      }
      catch (error) {
        if (live)
          log.warn(
            { err: error },
            'Live events reach the browsers of this instance alone until Redis answers',
          )
        live = false
        if (Date.now() >= pausedUntil) pausedUntil = Date.now() + pauseMs
        metrics.published('this-instance')
        const here = followed.get(organisationId)
        here?.hub.take({ id: '', value })
        if (here) tell(organisationId, { id: '', value })
        return null
      }
    },

    async subscribe(organisationId, lastEventId, subscriber) {
      const { hub, ready } = follow(organisationId)
      // Held back until the replay is through, so that old comes before new.
      let held: (readonly DeliveredEvent[] | string)[] | null = []
      let last = lastEventId && isStreamId(lastEventId) ? lastEventId : streamStart
      const handlers = {
        deliver(batch: readonly DeliveredEvent[]) {
          if (held) return void held.push(batch)
          const isNew = ({ id }: DeliveredEvent) => !id || compareStreamIds(id, last) > 0
          // Nearly always all of them: then everybody is handed the same array.
          const fresh = batch.every(isNew) ? batch : batch.filter(isNew)
          last = fresh.findLast(({ id }) => id)?.id ?? last
          if (fresh.length) subscriber.onEvents(fresh)
        },
        gap(reason: string) {
          if (held) return void held.push(reason)
          // The ids of what comes now may be smaller than the last.
          last = streamStart
          metrics.resync('interrupted')
          subscriber.onResync(reason)
        },
      }
      hub.add(handlers)
      const unsubscribe = async () => {
        if (hub.remove(handlers) > 0 || followed.get(organisationId)?.hub !== hub) return
        followed.delete(organisationId)
        await ready.then(stop => stop(), () => {})
      }
      const resync = (reason: string, kind: 'not-resumable' | 'redis-away') => {
        last = streamStart
        metrics.resync(kind)
        subscriber.onResync(reason)
      }
      try {
        await ready
        if (lastEventId) {
          const missed = await replay(redis, streamOf(organisationId), lastEventId)
          if (missed === null) resync('events have been missed', 'not-resumable')
          else held.unshift(unique(missed))
        }
        live = true
      }
      catch (error) {
        live = false
        log.debug({ err: error }, 'A live stream starts without Redis')
        if (lastEventId) resync('events may have been missed', 'redis-away')
      }
      const waiting = held
      held = null
      for (const one of waiting) {
        if (typeof one === 'string') handlers.gap(one)
        else handlers.deliver(one)
      }
      return () => void unsubscribe()
    },

    async position(organisationId) {
      if (Date.now() < pausedUntil) return null
      const range = await redis.streamRange(streamOf(organisationId)).catch(() => undefined)
      if (range === undefined) return null
      return range ? range.last : streamStart
    },

    onEvent: listener => void listeners.push(listener),
    isLive: () => live && redis.isUp(),
  }
}

function streamOf(organisationId: string): string {
  return `events:${organisationId}`
}

/** Stands for "before the first": where a stream that is empty goes on. */
const streamStart = '0-0'

/**
 * What came after `lastEventId`; null where that cannot be known: malformed, trimmed away, of another
 * generation than the newest entry (a failover came between), or from a future that was lost.
 */
async function replay(redis: RedisPort, stream: string, lastEventId: string): Promise<StreamEntry[] | null> {
  if (!isStreamId(lastEventId)) return null
  const range = await redis.streamRange(stream)
  if (lastEventId === streamStart)
    return range === null
      ? []
      : range.first.endsWith('-0') && range.intact
        ? redis.streamRead(stream, lastEventId, 2 * maxLength)
        : null
  if (
    !range?.intact
    || compareStreamIds(lastEventId, range.last) > 0
    || compareStreamIds(lastEventId, range.first) < 0
  )
    return null
  if (lastEventId.split('-')[0] !== range.last.split('-')[0]) return null
  // Twice what the stream is meant to hold: Redis trims by whole nodes.
  return redis.streamRead(stream, lastEventId, 2 * maxLength)
}

/** Each event once, however often it was published. */
function unique(entries: StreamEntry[]): DeliveredEvent[] {
  return [...new Map(entries.map(parseEntry).map(({ eventId, event }) => [eventId, event])).values()]
}
