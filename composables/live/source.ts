import { heartbeatMs, type LiveEvents } from '#shared/live.ts'

/** `connecting` only for the first moments, then `lost`. */
export type LinkState = 'open' | 'connecting' | 'lost'

export interface SourceHandlers<Name extends string = keyof LiveEvents> {
  state(state: LinkState): void
  /** `data` is JSON; `id` is empty where nothing is resumed from it. */
  event(name: Name, data: string, id: string): void
  /** Events may have been missed that the server does not know of. */
  unsure(reason: string): void
}

/**
 * Keeps one connection to the live stream open. Knows nothing of Nuxt or of a window: it runs in a tab or in
 * a worker.
 */
export interface Source {
  /** Is the stream still what it seems? */
  look(): void
  /** Connects anew at once: the network is back, somebody says that it is silent. */
  reconnect(): void
  /** The next attempt is not put off any further. */
  wake(): void
  close(): void
}

export const eventNames: readonly (keyof LiveEvents)[] = [
  'positions',
  'changed',
  'resync',
  'status',
  'heartbeat',
  'moved',
  'ended',
]

/**
 * An open connection that has brought nothing for this long, not even a heartbeat, is dead without knowing
 * it: a frozen server, a network that went.
 */
export const silentMs = 2.5 * heartbeatMs

/**
 * A connection that is not there after this long is said to be lost. Shorter than most reconnections take,
 * and nobody is told of them.
 */
const lostAfterMs = 4_000

/** Whoever slept this long fetches everything anew: events of an hour are more than the state itself. */
export const sleptMs = 120_000

/** 1 s doubling to 15 s, with jitter: a thousand tabs of a restarted server must not come back as one. */
export function reconnectWaitMs(attempt: number, random = Math.random()) {
  const ceiling = Math.min(15_000, 1_000 * 2 ** attempt)
  return ceiling / 2 + random * ceiling / 2
}

/**
 * @param startAfter the newest event when the page's data was fetched; empty: not known.
 * @param organisationId what the tabs show: a stream that goes on in another organisation must not bring that
 * one's events.
 */
export function openSource(startAfter: string, organisationId: string, handlers: SourceHandlers): Source {
  return openSourceAt(
    lastEventId =>
      `/api/events?${new URLSearchParams({ organisation: organisationId, ...(lastEventId ? { lastEventId } : {}) })}`,
    eventNames,
    startAfter,
    handlers,
  )
}

/**
 * Any stream that speaks as the live stream does.
 * @param address of the stream that goes on after an event.
 * @param names of the events that it brings; `ended` and `moved` among them mean the same everywhere.
 */
export function openSourceAt<Name extends string>(
  address: (lastEventId: string) => string,
  names: readonly Name[],
  startAfter: string,
  handlers: SourceHandlers<Name>,
): Source {
  let source: EventSource | null = null
  let lastEventId = startAfter
  let attempt = 0
  let heardAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let wasOpen = false
  let closed = false

  function connect() {
    clearTimeout(timer)
    source?.close()
    if (closed) return
    // Its own reconnection is not used: it gives up after an error status, and every second without end after
    // others.
    const current = new EventSource(address(lastEventId))
    source = current
    const lost = setTimeout(() => {
      if (source === current && current.readyState !== EventSource.OPEN) handlers.state('lost')
    }, lostAfterMs)
    current.onopen = () => {
      clearTimeout(lost)
      attempt = 0
      heardAt = Date.now()
      wasOpen = true
      handlers.state('open')
      if (!lastEventId) handlers.unsure('nothing to resume from')
    }
    current.onerror = () => {
      clearTimeout(lost)
      if (source === current) retry(current)
    }
    for (const name of names) {
      current.addEventListener(name, (event: MessageEvent<string>) => {
        if (source !== current) return
        heardAt = Date.now()
        if (event.lastEventId) lastEventId = event.lastEventId
        if (name === 'ended') close()
        // Elsewhere, and not all at once.
        if (name === 'moved') again(current, Math.random() * 1_500)
        handlers.event(name, event.data, event.lastEventId)
      })
    }
  }

  function again(current: EventSource, wait: number) {
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (source === current) connect()
    }, wait)
  }

  function retry(current: EventSource) {
    current.close()
    if (wasOpen) handlers.state('connecting')
    wasOpen = false
    const wait = reconnectWaitMs(attempt++)
    setTimeout(
      () => {
        if (source === current && !closed) handlers.state('lost')
      },
      Math.min(wait, lostAfterMs),
    )
    again(current, wait)
  }

  function close() {
    closed = true
    clearTimeout(timer)
    source?.close()
    source = null
  }

  connect()
  return {
    look() {
      if (closed) return
      const silence = Date.now() - heardAt
      if (heardAt && silence > sleptMs) {
        lastEventId = ''
        heardAt = 0
      }
      else if (source?.readyState === EventSource.OPEN && silence <= silentMs) return
      // A reconnection that is waiting for its turn goes on waiting, unless somebody is waiting for it.
      else if (source?.readyState !== EventSource.OPEN && attempt > 0) return
      connect()
    },
    reconnect() {
      attempt = 0
      connect()
    },
    wake() {
      attempt = 0
    },
    close,
  }
}
