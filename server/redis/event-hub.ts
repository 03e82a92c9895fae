import type { OrganisationEvent } from './events.ts'
import type { StreamEntry } from './port.ts'

/** One event as it goes to browsers. */
export interface DeliveredEvent {
  /** The stream's; empty for one that only this instance's browsers get. A resume must not start from what other instances have never seen. */
  id: string
  name: OrganisationEvent
  /** JSON, written once by the instance that published it and passed on as it is. */
  json: string
}

export interface HubSubscriber {
  /** The same array for everybody: who turns it into bytes does so once for all. */
  deliver(batch: readonly DeliveredEvent[]): void
  gap(reason: string): void
}

/**
 * Events that arrive within this time go out in one write. A write to a thousand sockets costs some ten milliseconds of processor, whatever is in it: at 200 events/s
 * one by one, that would be more than there is.
 */
const lingerMs = 5

/** Between two rounds at least as long as a round takes: the fan-out leaves half of the processor to the requests, and rounds get longer instead of queues. */
const shareOfTime = 1

/**
 * Ids of events that are remembered, to drop what comes twice (the outbox promises at least once). A duplicate comes seconds after the first, or
 * after an outage, which at most this many survive as single events (`maxWaiting` in `server/fleet/outbox.ts`).
 */
const maxRemembered = 12_000

/** Everybody on this instance who listens to one organisation: drops duplicates, gathers, and hands each batch to all. */
export function createHub({ onDuplicate, onDelivered }: { onDuplicate(): void, onDelivered(events: number): void }) {
  /** Each with its sequence number: who joined later has a higher one. */
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
    // Nearly always everything is for everybody: then all are handed the same array.
    const forAll = round.every(({ minSequence }) => minSequence === 0)
    let delivered = 0
    for (const [subscriber, sequence] of subscribers) {
      const own = forAll ? batch : round.filter(({ minSequence }) => sequence >= minSequence).map(({ event }) => event)
      if (own.length) subscriber.deliver(own)
      delivered += own.length
    }
    onDelivered(delivered)
    const ended = performance.now()
    nextRoundAt = ended + (ended - started) * shareOfTime
  }

  return {
    /** What has been taken goes out at once: a newcomer starts after it. */
    add(subscriber: HubSubscriber) {
      if (timer) clearTimeout(timer)
      flush()
      subscribers.set(subscriber, nextSequence++)
    },
    /** Returns how many are left. */
    remove(subscriber: HubSubscriber): number {
      subscribers.delete(subscriber)
      return subscribers.size
    },
    /**
     * An entry of the stream, or with an empty id of this instance alone. An entry that this instance has told on its own before goes to those that came after
     * that: they have heard of it neither here nor, if they resumed, in the stream.
     */
    take(entry: StreamEntry) {
      const { eventId, event } = parseEntry(entry)
      const minSequence = seen.get(eventId) ?? 0
      // The stream's own entry reaches newcomers as well: by resuming from it, or because they fetched their state after it.
      seen.set(eventId, event.id ? Infinity : Math.max(minSequence, nextSequence))
      if (seen.size > maxRemembered) seen.delete(seen.keys().next().value!)
      if (minSequence > 0) onDuplicate()
      if (minSequence > 0 && minSequence >= nextSequence) return
      pending.push({ event, minSequence })
      timer ??= setTimeout(flush, Math.max(lingerMs, nextRoundAt - performance.now()))
    },
    /** After what has been taken so far: a resync that came before an event it does not know of would be forgotten with it. */
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
  return { eventId: value.slice(0, first), event: { id, name: value.slice(first + 1, second) as OrganisationEvent, json: value.slice(second + 1) } }
}
