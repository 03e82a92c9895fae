import { hereEveryMs, organisationOf, type FromTab, type FromWorker } from './protocol.ts'
import { openSource, type Source, type SourceHandlers } from './source.ts'

/** A worker that has not said a word by then does not work here: the tab has a stream of its own. */
const welcomeMs = 3_000

/**
 * The live stream, shared with the other tabs of the same name through a SharedWorker; a stream of the tab's
 * own where there are none of these, or the worker says nothing. (Not Web Locks: they exist over TLS alone,
 * where HTTP/2 has no such limit.)
 * @param name the session and its organisation: tabs of another have another worker.
 * @param lastEventId of this tab, at the moment of asking.
 */
export function openSharedSource(
  name: string,
  workerUrl: string,
  lastEventId: () => string,
  handlers: SourceHandlers,
): Source {
  let port: MessagePort | null = null
  let own: Source | null = null
  let heard = false
  let closed = false
  let patience: ReturnType<typeof setTimeout> | undefined
  const here = setInterval(() => {
    // It lives in the process of one of the tabs, and dies with it when that crashes: a new one is begun for
    // the same name.
    if (!heard && port) return join()
    heard = false
    say({ say: 'here' })
  }, hereEveryMs)

  function say(message: FromTab) {
    port?.postMessage(message)
  }

  function leave() {
    clearTimeout(patience)
    say({ say: 'bye' })
    port?.close()
    port = null
  }

  function goAlone() {
    leave()
    clearInterval(here)
    if (!closed) own ??= openSource(lastEventId(), organisationOf(name), handlers)
  }

  function join() {
    leave()
    try {
      const worker = new SharedWorker(workerUrl, { type: 'module', name })
      worker.onerror = goAlone
      const joined = (port = worker.port)
      joined.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (joined !== port) return
        heard = true
        clearTimeout(patience)
        if (data.say === 'stranger') say({ say: 'join', startAfter: lastEventId() })
        else if (data.say === 'state') handlers.state(data.state)
        else if (data.say === 'event') handlers.event(data.name, data.data, data.id)
        else if (data.say === 'unsure') handlers.unsure(data.reason)
      }
      say({ say: 'join', startAfter: lastEventId() })
      heard = true
      patience = setTimeout(goAlone, welcomeMs)
    }
    catch {
      goAlone()
    }
  }

  /** In the page cache no message arrives, and a tab that is closed should not be counted for minutes. */
  function hidden() {
    say({ say: 'bye' })
  }

  join()
  addEventListener('pagehide', hidden)
  return {
    look: () => own?.look(),
    reconnect() {
      if (own) return own.reconnect()
      say({ say: 'silent' })
    },
    wake() {
      if (own) return own.wake()
      say({ say: 'wake' })
    },
    close() {
      closed = true
      removeEventListener('pagehide', hidden)
      clearInterval(here)
      leave()
      own?.close()
    },
  }
}
