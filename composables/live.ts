import type { LiveEvents } from '#shared/schemas/live.ts'

type Listener<Name extends keyof LiveEvents> = (data: LiveEvents[Name]) => void

const listeners: { [Name in keyof LiveEvents]: Set<Listener<Name>> } = { positions: new Set(), changed: new Set(), resync: new Set(), status: new Set(), moved: new Set() }

let source: EventSource | null = null
let lastEventId = ''
let attempt = 0
let timer: ReturnType<typeof setTimeout> | undefined
let lastWordAt = 0
let wanted = false
let listening = false

/** The server sends a comment every 15 s, which EventSource does not show: so only a connection that is not open is taken for lost. */
const lostAfterMs = 4_000

/** A tab that slept this long fetches everything anew: events of an hour are more than the state itself. */
const sleptMs = 120_000

/** 1 s doubling to 15 s, with jitter: a thousand tabs of a restarted server must not come back as one. */
function waitMs() {
  const ceiling = Math.min(15_000, 1_000 * 2 ** attempt++)
  return ceiling / 2 + Math.random() * ceiling / 2
}

/** Whether the live stream is open: `connecting` only for the first moments, then `lost`. */
export function useConnection() {
  return useState<'idle' | 'open' | 'connecting' | 'lost'>('connection', () => 'idle')
}

function emit<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]) {
  for (const listener of listeners[name]) listener(data)
}

/** Opens the live stream of this tab and keeps it open. Browser only; one for the whole tab. */
export function openLiveStream() {
  const connection = useConnection()
  const status = useStatus()
  wanted = true

  function connect() {
    clearTimeout(timer)
    source?.close()
    if (!wanted) return
    const current = new EventSource(`/api/events${lastEventId ? `?lastEventId=${encodeURIComponent(lastEventId)}` : ''}`)
    source = current
    const lost = setTimeout(() => {
      if (current.readyState !== EventSource.OPEN) connection.value = 'lost'
    }, lostAfterMs)
    current.onopen = () => {
      clearTimeout(lost)
      attempt = 0
      lastWordAt = Date.now()
      connection.value = 'open'
    }
    current.onerror = () => {
      clearTimeout(lost)
      if (source !== current) return
      current.close()
      if (connection.value === 'open') connection.value = 'connecting'
      const wait = waitMs()
      setTimeout(() => {
        if (source === current && wanted) connection.value = 'lost'
      }, Math.min(wait, lostAfterMs))
      timer = setTimeout(connect, wait)
    }
    for (const name of Object.keys(listeners) as (keyof LiveEvents)[]) {
      current.addEventListener(name, (event: MessageEvent<string>) => {
        lastWordAt = Date.now()
        if (event.lastEventId) lastEventId = event.lastEventId
        const data = JSON.parse(event.data)
        if (name === 'status') status.value = { ...status.value!, ...data }
        if (name === 'moved') {
          // Elsewhere, and not all at once.
          timer = setTimeout(connect, Math.random() * 1_500)
        }
        emit(name, data)
      })
    }
  }

  connection.value = 'connecting'
  connect()
  if (listening) return
  listening = true
  const wake = () => {
    if (!wanted || document.visibilityState === 'hidden') return
    if (lastWordAt && Date.now() - lastWordAt > sleptMs) {
      lastEventId = ''
      emit('resync', { reason: 'this tab slept' })
    }
    if (source?.readyState !== EventSource.OPEN) {
      attempt = 0
      connect()
    }
  }
  document.addEventListener('visibilitychange', wake)
  // The browser knows before the stream does: a connection whose network is gone looks open until it is used.
  window.addEventListener('offline', () => {
    if (wanted) connection.value = 'lost'
  })
  window.addEventListener('online', () => {
    attempt = 0
    if (wanted) connect()
  })
}

/** Ends the stream: nobody is signed in any more, or in another organisation. */
export function closeLiveStream() {
  wanted = false
  clearTimeout(timer)
  source?.close()
  source = null
  lastEventId = ''
  useConnection().value = 'idle'
}

/** Calls `listener` for each such event while the component is mounted. */
export function onLiveEvent<Name extends keyof LiveEvents>(name: Name, listener: Listener<Name>) {
  onMounted(() => listeners[name].add(listener))
  onUnmounted(() => listeners[name].delete(listener))
}
