import type { H3Event } from 'h3'
import type { DeliveredEvent } from '#server/live/event-hub.ts'
import { streamsEnded } from '#server/telemetry/stream-metrics.ts'
import { every } from '#server/telemetry/timers.ts'
import { heartbeatMs, type LiveEvents } from '#shared/live.ts'
import type { OperationsEvents } from '#shared/operations.ts'

/** What a stream of either kind may say: the organisation's (`/api/events`), or the operators'. */
type StreamEvents = LiveEvents & OperationsEvents

export interface EventStream {
  /** One event for this connection alone. It has no id: nothing is resumed from it. */
  send<Name extends keyof StreamEvents>(name: Name, data: StreamEvents[Name]): void
  /**
   * Events of the organisation. Their bytes are made once, whatever the number of streams that are given the
   * same array.
   */
  sendBatch(batch: readonly DeliveredEvent[]): void
  close(): void
  onClose(listener: () => void): void
}

/** A client that has this much unread does not read: it is cut off, comes back, and resumes. */
const maxUnreadBytes = 1_048_576

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
    streamsEnded.inc({ reason: 'instance-ending' })
    stream.send('moved', { reason })
    stream.close()
  }
}

/** Tells every connection about this instance. */
export function sendToAllStreams<Name extends keyof StreamEvents>(
  name: Name,
  data: StreamEvents[Name],
): void {
  for (const { stream } of open) stream.send(name, data)
}

const frames = new WeakMap<readonly DeliveredEvent[], Buffer>()

/** A batch as it goes over the wire. Kept for as long as somebody has the batch. */
function frameOf(batch: readonly DeliveredEvent[]): Buffer {
  const known = frames.get(batch)
  if (known) return known
  const frame = Buffer.from(
    batch.map(({ id, name, json }) => `${id ? `id: ${id}\n` : ''}event: ${name}\ndata: ${json}\n\n`).join(''),
  )
  frames.set(batch, frame)
  return frame
}

/**
 * Turns the request into a stream of server-sent events. Writes to Node's response itself: h3 1's own streams
 * do not notice every close. `heartbeat` gives what is sent every few seconds.
 */
export function openEventStream(event: H3Event, heartbeat: () => LiveEvents['heartbeat']): EventStream {
  const { req, res } = event.node
  event._handled = true
  // Ended by closing the connection: without chunks the bytes are the same for everybody, and go to the
  // socket as they are.
  res.useChunkedEncodingByDefault = false
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'private, no-store, no-transform',
    // Nginx passes each event on at once.
    'X-Accel-Buffering': 'no',
  })
  // HEAD asks what a GET would be answered, and no stream.
  if (req.method === 'HEAD') {
    res.end()
    return { send() {}, sendBatch() {}, close() {}, onClose: listener => listener() }
  }
  const { socket } = req
  socket.setNoDelay(true)
  res.write(`retry: ${retryMs()}\n\n`)

  let closed = false
  const listeners: (() => void)[] = []
  const stopBeating = every(heartbeatMs, () => stream.send('heartbeat', heartbeat()))

  function write(bytes: string | Buffer) {
    if (closed) return
    // Past the response's own machinery, which costs as much as the rest of the fan-out: after the head there
    // is nothing left for it to add.
    if (res.socket === socket) socket.write(bytes)
    else res.write(bytes)
    if (socket.writableLength <= maxUnreadBytes) return
    streamsEnded.inc({ reason: 'not-reading' })
    socket.destroy()
  }

  function end() {
    if (closed) return
    closed = true
    stopBeating()
    open.delete(entry)
    for (const listener of listeners) listener()
  }

  const stream: EventStream = {
    send: (name, data) => write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`),
    sendBatch: batch => write(frameOf(batch)),
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
