import { heartbeatMs, type LiveEvents } from '#shared/schemas/live.ts'
import { useOrganisationCheck } from './organisation-change.ts'
import { useSession } from './session.ts'
import { forgetSeen, noteSeen, useFreshness } from './freshness.ts'

type Listener<Name extends keyof LiveEvents> = (data: LiveEvents[Name]) => void

const listeners: { [Name in keyof LiveEvents]: Set<Listener<Name>> } = {
  positions: new Set(), changed: new Set(), resync: new Set(), status: new Set(), heartbeat: new Set(), moved: new Set(), 'organisation-changed': new Set(),
}

let source: EventSource | null = null
let lastEventId = ''
let attempt = 0
let timer: ReturnType<typeof setTimeout> | undefined
let resyncTimer: ReturnType<typeof setTimeout> | undefined
let heardAt = 0
let wanted = false
let listening = false

/** An open connection that has brought nothing for this long, not even a heartbeat, is dead without knowing it: a frozen server, a network that went. */
const silentMs = 2.5 * heartbeatMs

/** A connection that is not there after this long is said to be lost. Shorter than most reconnections take, and nobody is told of them. */
const lostAfterMs = 4_000

/** A tab that slept this long fetches everything anew: events of an hour are more than the state itself. */
const sleptMs = 120_000

/** How often the clock is looked at. A tab in the background is woken at most once a minute; it is looked at again when it comes to the front. */
const lookMs = 5_000

/** Resyncs of a whole organisation come to all its tabs at once: each waits a moment of its own before it asks. */
const resyncSpreadMs = 2_000

/** 1 s doubling to 15 s, with jitter: a thousand tabs of a restarted server must not come back as one. */
export function reconnectWaitMs(attempt: number, random = Math.random()) {
  const ceiling = Math.min(15_000, 1_000 * 2 ** attempt)
  return ceiling / 2 + random * ceiling / 2
}

/** Whether the live stream is open: `connecting` only for the first moments, then `lost`. */
export function useConnection() {
  return useState<'idle' | 'open' | 'connecting' | 'lost'>('connection', () => 'idle')
}

function emit<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]) {
  for (const listener of listeners[name]) listener(data)
}

/**
 * Opens the live stream of this tab and keeps it open. Browser only; one for the whole tab. `startAfter`: the newest event when the page's data was fetched, so that
 * nothing is missed between that and the stream's beginning; null: it is not known, and the data is fetched once more.
 */
export function openLiveStream(startAfter: string | null) {
  const connection = useConnection()
  const status = useStatus()
  const freshness = useFreshness()
  // Of what the tab shows: a stream that goes on elsewhere must not bring another organisation's events.
  const organisationId = useSession().session.value?.organisation?.id
  const checkOrganisation = useOrganisationCheck()
  wanted = true
  lastEventId = startAfter ?? ''

  function heard() {
    heardAt = Date.now()
    freshness.value = { ...freshness.value, heardAt }
  }

  function resync(reason: string, spreadMs: number) {
    // One is enough for all that came up to it.
    clearTimeout(resyncTimer)
    resyncTimer = setTimeout(() => emit('resync', { reason }), Math.random() * spreadMs)
  }

  function connect() {
    clearTimeout(timer)
    source?.close()
    if (!wanted) return
    // Its own reconnection is not used: it gives up after an error status, and every second without end after others.
    const current = new EventSource(`/api/events?${new URLSearchParams({ ...organisationId ? { organisation: organisationId } : {}, ...lastEventId ? { lastEventId } : {} })}`)
    source = current
    const lost = setTimeout(() => {
      if (source === current && current.readyState !== EventSource.OPEN) connection.value = 'lost'
    }, lostAfterMs)
    current.onopen = () => {
      clearTimeout(lost)
      attempt = 0
      heard()
      connection.value = 'open'
      if (!lastEventId) resync('nothing to resume from', 0)
    }
    current.onerror = () => {
      clearTimeout(lost)
      if (source === current) retry(current)
    }
    for (const name of Object.keys(listeners) as (keyof LiveEvents)[]) {
      current.addEventListener(name, (event: MessageEvent<string>) => {
        if (source !== current) return
        heard()
        if (event.lastEventId) lastEventId = event.lastEventId
        receive(name, JSON.parse(event.data), current)
      })
    }
  }

  function retry(current: EventSource) {
    current.close()
    if (!wanted) return
    if (connection.value === 'open') connection.value = 'connecting'
    const wait = reconnectWaitMs(attempt++)
    setTimeout(() => {
      if (source === current && wanted) connection.value = 'lost'
    }, Math.min(wait, lostAfterMs))
    clearTimeout(timer)
    timer = setTimeout(connect, wait)
  }

  function receive<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name], current: EventSource) {
    if ('consistencyToken' in data) noteSeen(data.consistencyToken)
    if (name === 'status' || name === 'heartbeat') {
      const { live } = data as LiveEvents['heartbeat']
      if (status.value) status.value = { ...status.value, ...name === 'status' ? data as LiveEvents['status'] : { live } }
    }
    if (name === 'organisation-changed') {
      wanted = false
      clearTimeout(timer)
      current.close()
      void checkOrganisation()
    }
    if (name === 'moved') {
      clearTimeout(timer)
      // Elsewhere, and not all at once.
      timer = setTimeout(() => source === current && connect(), Math.random() * 1_500)
    }
    if (name === 'resync') resync((data as LiveEvents['resync']).reason, resyncSpreadMs)
    else emit(name, data)
  }

  /** After a sleep, a change of network, or a look at the clock: is the stream still what it seems? */
  function look() {
    if (!wanted || document.visibilityState === 'hidden') return
    const silence = Date.now() - heardAt
    if (heardAt && silence > sleptMs) {
      lastEventId = ''
      heardAt = 0
    }
    else if (source?.readyState === EventSource.OPEN && silence <= silentMs) return
    // A reconnection that is waiting for its turn goes on waiting, unless the tab has just come to the front.
    else if (source?.readyState !== EventSource.OPEN && attempt > 0) return
    connect()
  }

  function wake() {
    attempt = 0
    look()
  }

  connection.value = 'connecting'
  connect()
  if (listening) return
  listening = true
  setInterval(look, lookMs)
  document.addEventListener('visibilitychange', wake)
  document.addEventListener('resume', wake)
  window.addEventListener('pageshow', ({ persisted }) => {
    // Out of the browser's page cache: the stream was closed when it went in.
    if (persisted) wake()
  })
  // The browser knows before the stream does: a connection whose network is gone looks open until it is used.
  window.addEventListener('offline', () => {
    if (wanted) connection.value = 'lost'
  })
  window.addEventListener('online', () => {
    attempt = 0
    connect()
  })
}

/** Ends the stream: nobody is signed in any more, or in another organisation. */
export function closeLiveStream() {
  wanted = false
  clearTimeout(timer)
  clearTimeout(resyncTimer)
  source?.close()
  source = null
  lastEventId = ''
  heardAt = 0
  forgetSeen()
  useConnection().value = 'idle'
}

/** Calls `listener` for each such event while the component is mounted. */
export function onLiveEvent<Name extends keyof LiveEvents>(name: Name, listener: Listener<Name>) {
  onMounted(() => listeners[name].add(listener))
  onUnmounted(() => listeners[name].delete(listener))
}
