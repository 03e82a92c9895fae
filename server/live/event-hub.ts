import type { StreamEntry } from '#server/redis/port.ts'

/** The events that go to everybody in the organisation; the others concern one connection. */
export type OrganisationEvent = 'positions' | 'changed' | 'resync'

/** One event as it is sent to browsers. */
export interface DeliveredEvent {
  /**
   * The stream's id; empty for an event that only this instance's browsers get, from which nobody may resume.
   */
  id: string
  name: OrganisationEvent
  /** JSON, serialised once by the instance that published it. */
  json: string
}

export interface HubSubscriber {
  /** The same array for every subscriber, so that it is turned into bytes only once. */
  deliver(batch: readonly DeliveredEvent[]): void
  gap(reason: string): void
}

/**
 * Events that arrive within this time go out in one write. A write to a thousand sockets costs about ten
 * milliseconds of CPU, whatever it contains: 200 single events a second would take more than there is.
 */
const lingerMs = 5

/**
 * Pause between rounds, as a multiple of a round: requests keep half of the CPU, and rounds grow instead of
 * queues.
 */
const shareOfTime = 1

/**
 * How many event ids are remembered to drop duplicates (the outbox delivers at least once). A duplicate comes
 * seconds after the first, or after an outage, from which at most this many single events are left
 * (`maxWaiting` in `server/live/outbox.ts`).
 */
const maxRemembered = 12_000

/**
 * Fans out one organisation's events to the subscribers of this instance: drops duplicates and delivers in
 * batches.
 */
export function createHub({
  onDuplicate,
  onDelivered,
}: {
  onDuplicate(): void
  onDelivered(events: number): void
}) {
  /** Each with its sequence number: a later subscriber has a higher one. */
  const subscribers = new Map<HubSubscriber, number>()
  let nextSequence = 1
  /** By event id: subscribers from this sequence number on have not had the event yet. */
  const seen = new Map<string, number>()
  let pending: { event: DeliveredEvent, minSequence: number }[] = []
  let timer: NodeJS.Timeout | null = null
  let nextRoundAt = 0

  function flush() {
    timer = null
    if (pending.length === 0) return
    const round = pending
    pending = []
    const started = performance.now()
    const batch = round.map(({ event }) => event)
    // Nearly always every event is for every subscriber: then all get the same array.
    const forAll = round.every(({ minSequence }) => minSequence === 0)
    let delivered = 0
    for (const [subscriber, sequence] of subscribers) {
      const own = forAll
        ? batch
        : round.filter(({ minSequence }) => sequence >= minSequence).map(({ event }) => event)
      if (own.length) subscriber.deliver(own)
      delivered += own.length
    }
    onDelivered(delivered)
    const ended = performance.now()
    nextRoundAt = ended + (ended - started) * shareOfTime
  }

  return {
    /** Delivers what is pending first: a new subscriber starts after it. */
    add(subscriber: HubSubscriber) {
      if (timer) clearTimeout(timer)
      flush()
      subscribers.set(subscriber, nextSequence++)
    },
    /** Returns how many subscribers are left. */
    remove(subscriber: HubSubscriber): number {
      subscribers.delete(subscriber)
      return subscribers.size
    },
    /**
     * An entry of the stream, or, with an empty id, one of this instance alone. If this instance has already
     * delivered the event on its own, the stream's entry goes only to subscribers that joined after that:
     * they have seen it neither here nor, if they resumed, in the stream.
     */
    take(entry: StreamEntry) {
      const { eventId, event } = parseEntry(entry)
      const minSequence = seen.get(eventId) ?? 0
      // Later subscribers do not need the stream's entry: they resume from it, or fetch their state after it.
      seen.set(eventId, event.id ? Infinity : Math.max(minSequence, nextSequence))
      if (seen.size > maxRemembered) seen.delete(seen.keys().next().value!)
      if (minSequence > 0) onDuplicate()
      if (minSequence > 0 && minSequence >= nextSequence) return
      pending.push({ event, minSequence })
      timer ??= setTimeout(flush, Math.max(lingerMs, nextRoundAt - performance.now()))
    },
    /** Delivers what is pending first: a resync that overtook an event would not cover it. */
    gap(reason: string) {
      if (timer) clearTimeout(timer)
      flush()
      for (const subscriber of subscribers.keys()) subscriber.gap(reason)
    },
  }
}

export type Hub = ReturnType<typeof createHub>

/** `<event id> <name> <json>`: read without parsing what is only passed on. */
export function formatEntry(eventId: string, name: OrganisationEvent, json: string): string {
  return `${eventId} ${name} ${json}`
}

/** The event in a stream's entry, and the id that it keeps however often it is published. */
export function parseEntry({ id, value }: StreamEntry): { eventId: string, event: DeliveredEvent } {
  const first = value.indexOf(' ')
  const second = value.indexOf(' ', first + 1)
  return {
    eventId: value.slice(0, first),
    event: { id, name: value.slice(first + 1, second) as OrganisationEvent, json: value.slice(second + 1) },
  }
}
