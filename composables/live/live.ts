import type { LiveEvents } from '#shared/live.ts'
import { forgetSeen, noteSeen, useFreshness } from '../api/freshness.ts'
import { organisationOf } from './protocol.ts'
import { openSharedSource } from './shared-source.ts'
import { openSource, silentMs, sleptMs, type LinkState, type Source } from './source.ts'

type Listener<Name extends keyof LiveEvents> = (data: LiveEvents[Name]) => void

const listeners: { [Name in keyof LiveEvents]: Set<Listener<Name>> } = {
  positions: new Set(),
  changed: new Set(),
  resync: new Set(),
  status: new Set(),
  heartbeat: new Set(),
  moved: new Set(),
  ended: new Set(),
}

/** Whatever belongs to one opening of the stream; the next has another. */
let opening = {}
let source: Source | null = null
let lastEventId = ''
let resyncTimer: ReturnType<typeof setTimeout> | undefined
let heardAt = 0
let wanted = false
let listening = false

/**
 * How often the clock is looked at. A tab in the background is woken at most once a minute; it is looked at
 * again when it comes to the front.
 */
const lookMs = 5_000

/**
 * Resyncs of a whole organisation come to all its tabs at once: each waits a moment of its own before it
 * asks.
 */
const resyncSpreadMs = 2_000

/**
 * The tab that has itself signed out or changed the organisation goes where it goes; the others ask after
 * this long.
 */
const endedPauseMs = 1_000

/** Whether the live stream is open: `connecting` only for the first moments, then `lost`. */
export function useConnection() {
  return useState<'idle' | LinkState>('connection', () => 'idle')
}

function emit<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]) {
  for (const listener of listeners[name]) listener(data)
}

/**
 * Opens the live stream of this tab and keeps it open, shared with the other tabs of the session where the
 * browser can do that. Browser only; one for the whole tab. `startAfter`: the newest event when the page's
 * data was fetched, so that nothing is missed between that and the stream's beginning; null: it is not known,
 * and the data is fetched once more.
 * @param ended is called when the server says that the reason for the stream has gone.
 */
export function openLiveStream(
  startAfter: string | null,
  { name, ended }: { name: string, ended: () => void },
) {
  const connection = useConnection()
  const status = useStatus()
  const freshness = useFreshness()
  const current = (opening = {})
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

  const handlers = {
    state(state: LinkState) {
      if (current !== opening) return
      if (state === 'open') heard()
      connection.value = state
    },
    event(name: keyof LiveEvents, data: string, id: string) {
      if (current !== opening) return
      heard()
      if (id) lastEventId = id
      receive(name, JSON.parse(data))
    },
    unsure(reason: string) {
      if (current === opening) resync(reason, 0)
    },
  }

  function receive<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]) {
    if ('consistencyToken' in data) noteSeen(data.consistencyToken)
    if (name === 'status' || name === 'heartbeat') {
      const { live } = data as LiveEvents['heartbeat']
      if (status.value)
        status.value = { ...status.value, ...(name === 'status' ? (data as LiveEvents['status']) : { live }) }
    }
    if (name === 'ended') setTimeout(() => current === opening && ended(), endedPauseMs)
    if (name === 'resync') resync((data as LiveEvents['resync']).reason, resyncSpreadMs)
    else emit(name, data)
  }

  async function connect() {
    source?.close()
    source = null
    if (typeof SharedWorker === 'undefined')
      return void (source = openSource(lastEventId, organisationOf(name), handlers))
    const { default: workerUrl } = await import('./worker.ts?sharedworker&url')
    if (current === opening && wanted && !source)
      source = openSharedSource(name, workerUrl, () => lastEventId, handlers)
  }

  /** After a sleep, a change of network, or a look at the clock: is the stream still what it seems? */
  function look() {
    if (!wanted || document.visibilityState === 'hidden') return
    const silence = Date.now() - heardAt
    if (heardAt && silence > sleptMs) {
      lastEventId = ''
      heardAt = 0
      void connect()
    }
    else if (heardAt && silence > silentMs && connection.value === 'open') source?.reconnect()
    else source?.look()
  }

  function wake() {
    source?.wake()
    look()
  }

  connection.value = 'connecting'
  void connect()
  wakeUp = { look, wake, connect, connection, online: () => source?.reconnect() }
  if (listening) return
  listening = true
  setInterval(() => wakeUp.look(), lookMs)
  document.addEventListener('visibilitychange', () => wakeUp.wake())
  document.addEventListener('resume', () => wakeUp.wake())
  window.addEventListener('pageshow', ({ persisted }) => {
    // Out of the browser's page cache: the stream was closed when it went in.
    if (persisted && wanted) void wakeUp.connect()
  })
  // The browser knows before the stream does: a connection whose network is gone looks open until it is used.
  window.addEventListener('offline', () => {
    if (wanted) wakeUp.connection.value = 'lost'
  })
  window.addEventListener('online', () => wakeUp.online())
}

/** What the window's events are for, of the present opening. */
let wakeUp: {
  look(): void
  wake(): void
  connect(): Promise<void>
  online(): void
  connection: ReturnType<typeof useConnection>
}

/** Ends the stream: nobody is signed in any more, or in another organisation. */
export function closeLiveStream() {
  wanted = false
  opening = {}
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
