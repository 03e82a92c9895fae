import type { IncomingMessage } from 'node:http'
import type { LiveEvents } from '#shared/schemas/live.ts'
import type { Recorder, Stream, StreamEvent } from '../history.ts'
import type { Browser } from './browser.ts'

export interface LiveStream {
  /** Told of each `changed` as it comes. */
  onChanged: (change: LiveEvents['changed']) => void
  close(): void
}

/** 1 s doubling to 15 s, with jitter: as the browser's `composables/live.ts`. */
function waitMs(attempt: number) {
  const ceiling = Math.min(15_000, 1_000 * 2 ** attempt)
  return ceiling / 2 + Math.random() * ceiling / 2
}

/** After `moved`: elsewhere, and not all at once. As the browser's. */
const movedWithinMs = 1_500

/** The live stream of a tab: kept open, resumed from the last event id, as the browser does it. */
export function openLiveStream(browser: Browser, recorder: Recorder, who: { session: string, organisation: string }): LiveStream {
  const stream: Stream = { ...who, connections: [], events: [] }
  recorder.history.streams.push(stream)
  let lastEventId = ''
  let attempt = 0
  let closed = false
  let current: IncomingMessage | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  const ending = new AbortController()
  const live: LiveStream = {
    onChanged() {},
    close() {
      closed = true
      clearTimeout(timer)
      ending.abort()
      current?.destroy()
    },
  }

  async function connect() {
    const connection: Stream['connections'][number] = { askedAt: recorder.now(), openedAt: null, closedAt: null, resumedFrom: lastEventId || null }
    stream.connections.push(connection)
    let moved = false
    try {
      current = await browser.open('GET', `/api/events${lastEventId ? `?lastEventId=${encodeURIComponent(lastEventId)}` : ''}`, { headers: { accept: 'text/event-stream' }, signal: ending.signal })
      if (current.statusCode !== 200) {
        current.resume()
        throw new Error(`The stream answered ${current.statusCode}`)
      }
      connection.openedAt = recorder.now()
      attempt = 0
      let buffer = ''
      for await (const part of current.setEncoding('utf8')) {
        buffer += part
        for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
          const event = parse(buffer.slice(0, end))
          if (!event) continue
          if (event.id) lastEventId = event.id
          stream.events.push({ at: recorder.now(), ...event })
          if (event.name === 'moved') moved = true
          if (event.change) live.onChanged(event.change as LiveEvents['changed'])
        }
      }
    }
    catch {
      // A lost stream is no error of itself: what was missed while it was away is.
    }
    connection.closedAt = recorder.now()
    if (closed) return
    timer = setTimeout(() => void connect(), moved ? Math.random() * movedWithinMs : waitMs(attempt++))
  }

  void connect()
  return live
}

function parse(text: string): Omit<StreamEvent, 'at'> | null {
  const fields = Object.fromEntries(text.split('\n').map(line => line.split(/: ?(.*)/s).slice(0, 2))) as { id?: string, event?: StreamEvent['name'], data?: string }
  if (!fields.event || !fields.data) return null
  const base = { id: fields.id ?? '', name: fields.event }
  const data = JSON.parse(fields.data) as unknown
  if (fields.event === 'changed') return { ...base, change: data as LiveEvents['changed'] }
  if (fields.event === 'positions') return { ...base, points: (data as LiveEvents['positions']).positions.map(({ vehicleId, fixTime }) => `${vehicleId} ${fixTime}`) }
  return base
}
