import { goneAfterMs, type FromTab, type FromWorker } from './protocol.ts'
import type { LinkState, Source, SourceHandlers } from './source.ts'

/** What a port of a SharedWorker can do. */
export interface Port {
  postMessage(message: FromWorker): void
  onmessage: ((event: MessageEvent<FromTab>) => void) | null
}

/**
 * Events that a tab which comes later is given: about a minute of a busy fleet. One that would need more
 * fetches its state anew.
 */
const maxKept = 500

/** Tabs that wake together ask together: one new connection does for all. */
const reconnectPauseMs = 5_000

/**
 * One stream for many tabs. Over HTTP/1.1 a browser has six connections to a server: with a stream for each
 * tab the seventh tab would wait for ever. No tab is more than the others: any may close, crash or be frozen.
 */
export function createTabs(
  open: (startAfter: string, handlers: SourceHandlers) => Source,
  now: () => number = Date.now,
) {
  const tabs = new Map<Port, { hereAt: number }>()
  let source: Source | null = null
  let state: LinkState = 'connecting'
  let kept: { name: Extract<FromWorker, { say: 'event' }>['name'], data: string, id: string }[] = []
  /** Where `kept` begins: an event before its first. */
  let keptAfter = ''
  let lastStatus = ''
  let reconnectedAt = -Infinity

  function tell(message: FromWorker) {
    for (const port of tabs.keys()) port.postMessage(message)
  }

  function begin(startAfter: string) {
    kept = []
    keptAfter = startAfter
    lastStatus = ''
    state = 'connecting'
    source = open(startAfter, {
      state(next) {
        state = next
        tell({ say: 'state', state })
      },
      event(name, data, id) {
        if (name === 'status') lastStatus = data
        // What came before is not what a newcomer must be given: it fetches its state anew.
        if (name === 'resync') keep([], id)
        if (id) keep([...kept, { name, data, id }])
        if (name === 'ended') end()
        tell({ say: 'event', name, data, id })
      },
      unsure(reason) {
        keep([], '')
        tell({ say: 'unsure', reason })
      },
    })
  }

  function keep(events: typeof kept, after = keptAfter) {
    keptAfter = after
    kept = events
    while (kept.length > maxKept) keptAfter = kept.shift()!.id
  }

  function end() {
    source?.close()
    source = null
  }

  function join(port: Port, startAfter: string) {
    tabs.set(port, { hereAt: now() })
    port.postMessage({ say: 'welcome' })
    if (!source) return begin(startAfter)
    port.postMessage({ say: 'state', state })
    if (lastStatus) port.postMessage({ say: 'event', name: 'status', data: lastStatus, id: '' })
    const at = kept.findIndex(({ id }) => id === startAfter)
    if (startAfter && (at >= 0 || startAfter === keptAfter)) {
      for (const event of kept.slice(at + 1)) port.postMessage({ say: 'event', ...event })
    }
    // Newer than what the stream has brought so far: it comes, and a tab is not harmed by what it knows.
    else if (!startAfter || !isLater(startAfter, kept.at(-1)?.id ?? keptAfter))
      port.postMessage({ say: 'unsure', reason: 'nothing to resume from' })
  }

  function leave(port: Port) {
    tabs.delete(port)
    if (tabs.size === 0) end()
  }

  function reconnect() {
    if (now() - reconnectedAt < reconnectPauseMs) return
    reconnectedAt = now()
    source?.reconnect()
  }

  return {
    add(port: Port) {
      port.onmessage = ({ data }) => {
        if (data.say === 'join') return join(port, data.startAfter)
        if (data.say === 'bye') return leave(port)
        const tab = tabs.get(port)
        if (!tab) return port.postMessage({ say: 'stranger' })
        tab.hereAt = now()
        if (data.say === 'here') port.postMessage({ say: 'there' })
        if (data.say === 'silent' || data.say === 'online') reconnect()
        if (data.say === 'wake') {
          source?.wake()
          source?.look()
        }
      }
    },
    look() {
      source?.look()
      for (const [port, { hereAt }] of [...tabs]) if (now() - hereAt > goneAfterMs) leave(port)
    },
  }
}

/** Whether stream id `a` is of the same generation as `b`, and later. */
function isLater(a: string, b: string): boolean {
  const [[generationA, numberA], [generationB, numberB]] = [a.split('-'), b.split('-')]
  return b !== '' && generationA === generationB && Number(numberA) > Number(numberB)
}
