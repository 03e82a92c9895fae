import type { H3Event } from 'h3'
import type { LiveEvents } from '#shared/schemas/live.ts'

export interface EventStream {
  /** One event. Events with an id are resumed from. */
  send<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name], id?: string): void
  close(): void
  onClose(listener: () => void): void
}

/** A comment line this often keeps proxies from taking a quiet stream for a dead one (Nginx's default is 60 s), and finds dead clients. */
const heartbeatMs = 15_000

/** A client that has this much unread does not read: it is cut off, comes back, and resumes. */
const mostUnreadBytes = 1_048_576

/** Browsers come back after 1 to 3 s, each at its own time, so that a thousand of them are no wave. */
const retryMs = () => 1_000 + Math.floor(Math.random() * 2_000)

const open = new Set<{ stream: EventStream }>()

/** Live streams that this instance holds. */
export function openStreamCount(): number {
  return open.size
}

/** Tells every browser to connect again, elsewhere, and ends the streams. For draining. */
export function closeAllStreams(reason: string): void {
  for (const { stream } of [...open]) {
    stream.send('moved', { reason })
    stream.close()
  }
}

/** Tells every connection about this instance. */
export function sendToAllStreams<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]): void {
  for (const { stream } of open) stream.send(name, data)
}

/** Turns the request into a stream of server-sent events. Writes to Node's response itself: h3 1's own streams do not notice every close. */
export function openEventStream(event: H3Event): EventStream {
  const { req, res } = event.node
  event._handled = true
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    // Nginx passes each event on at once.
    'X-Accel-Buffering': 'no',
    'Connection': 'keep-alive',
  })
  req.socket.setNoDelay(true)
  res.write(`retry: ${retryMs()}\n\n`)

  let closed = false
  const listeners: (() => void)[] = []
  const heartbeat = setInterval(() => write(': \n\n'), heartbeatMs)
  heartbeat.unref()

  function write(text: string) {
    if (closed) return
    res.write(text)
    if (res.writableLength > mostUnreadBytes) res.destroy()
  }

  function end() {
    if (closed) return
    closed = true
    clearInterval(heartbeat)
    open.delete(entry)
    for (const listener of listeners) listener()
  }

  const stream: EventStream = {
    send: (name, data, id) => write(`${id ? `id: ${id}\n` : ''}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`),
    close() {
      if (!closed) res.end()
      end()
    },
    onClose(listener) {
      if (closed) listener()
      else listeners.push(listener)
    },
  }
  const entry = { stream }
  open.add(entry)
  res.once('close', end)
  res.once('error', end)
  return stream
}
