import type { IncomingMessage } from 'node:http'
import type { Session } from '#shared/identity.ts'
import { heartbeatMs, type LiveEvents } from '#shared/live.ts'
import { reconnectWaitMs } from '../../../composables/live/source.ts'
import { attempt as request } from './requests.ts'
import type { Recorder, Stream, StreamEvent } from '../history.ts'
import type { Browser } from './browser.ts'

export interface LiveStream {
  /** Told of each `changed` as it comes. */
  onChanged: (change: LiveEvents['changed']) => void
  close(): void
}

/** An open connection that has brought nothing for this long is given up: as the browser's. */
const silentMs = 2.5 * heartbeatMs
const lookMs = 5_000

/** After `moved`: elsewhere, and not all at once. As the browser's. */
const movedWithinMs = 1_500

/**
 * The live stream of a tab: kept open, resumed from the last event id, given up when it falls silent, as
 * `composables/live/live.ts` does it. Where there is nothing to resume from the tab fetches everything anew:
 * noted as a `resync`, which it is.
 */
export function openLiveStream(
  browser: Browser,
  recorder: Recorder,
  who: { session: string, organisation: string },
): LiveStream {
  const stream: Stream = { ...who, connections: [], events: [] }
  recorder.history.streams.push(stream)
  let lastEventId = ''
  let attempt = 0
  let closed = false
  let current: IncomingMessage | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let heardAt = 0
  const ending = new AbortController()
  const live: LiveStream = {
    onChanged() {},
    close() {
      closed = true
      clearTimeout(timer)
      clearInterval(looking)
      ending.abort()
      current?.destroy()
    },
  }

  const looking = setInterval(() => {
    if (current && heardAt && recorder.now() - heardAt > silentMs) current.destroy()
  }, lookMs)

  /** The page's own data names the newest event there was when it was fetched. */
  async function load() {
    const { answer } = await request(browser, recorder.now, 'GET', '/api/v1/session')
    if (answer?.status === 200) lastEventId = (answer.body as Session).liveEventId ?? ''
    await connect()
  }

  async function connect() {
    if (closed) return
    const connection: Stream['connections'][number] = {
      askedAt: recorder.now(),
      openedAt: null,
      closedAt: null,
      resumedFrom: lastEventId || null,
    }
    stream.connections.push(connection)
    let moved = false
    try {
      current = await browser.open(
        'GET',
        `/api/events${lastEventId ? `?lastEventId=${encodeURIComponent(lastEventId)}` : ''}`,
        { headers: { accept: 'text/event-stream' }, signal: ending.signal },
      )
      if (current.statusCode !== 200) {
        current.resume()
        throw new Error(`answered ${current.statusCode}`)
      }
      connection.openedAt = heardAt = recorder.now()
      attempt = 0
      if (!lastEventId) stream.events.push({ at: recorder.now(), id: '', name: 'resync' })
      let buffer = ''
      for await (const part of current.setEncoding('utf8')) {
        heardAt = recorder.now()
        buffer += part
        for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
          const event = parse(buffer.slice(0, end))
          if (!event) continue
          if (event.id) lastEventId = event.id
          const { data, ...told } = event
          browser.noteSeen((data as { consistencyToken?: unknown }).consistencyToken)
          if (event.name !== 'heartbeat') stream.events.push({ at: recorder.now(), ...told } as StreamEvent)
          if (event.name === 'moved') moved = true
          if (event.change) live.onChanged(event.change as LiveEvents['changed'])
        }
      }
    }
    catch (error) {
      // A lost stream is no error of itself: what was missed while it was away is.
      if (connection.openedAt === null)
        connection.refused = error instanceof Error ? error.message : String(error)
    }
    connection.closedAt = recorder.now()
    if (closed) return
    timer = setTimeout(
      () => void connect(),
      moved ? Math.random() * movedWithinMs : reconnectWaitMs(attempt++),
    )
  }

  void load()
  return live
}

function parse(
  text: string,
): (Omit<StreamEvent, 'at' | 'name'> & { name: keyof LiveEvents, data: unknown }) | null {
  const fields = Object.fromEntries(text.split('\n').map(line => line.split(/: ?(.*)/s).slice(0, 2))) as {
    id?: string
    event?: keyof LiveEvents
    data?: string
  }
  if (!fields.event || !fields.data) return null
  const data = JSON.parse(fields.data) as unknown
  const base = { id: fields.id ?? '', name: fields.event, data }
  if (fields.event === 'changed') {
    const { type, id, change } = data as LiveEvents['changed']
    return { ...base, change: { type, id, change } }
  }
  if (fields.event === 'positions')
    return {
      ...base,
      points: (data as LiveEvents['positions']).positions.map(
        ({ vehicleId, fixTime }) => `${vehicleId} ${fixTime}`,
      ),
    }
  return base
}
