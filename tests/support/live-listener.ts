import { get, type IncomingMessage } from 'node:http'

/** A browser's live stream: connects again with the last event's id when it is lost, until it is closed. */
export interface LiveListener {
  /** In the order in which they came: events by name, JSON data, and the moment. */
  readonly heard: { name: string, data: Record<string, unknown>, at: number }[]
  close(): void
}

/** @param url gives the instance to connect to, anew for each attempt. */
export function listenLive(url: () => string, cookie: () => string): LiveListener {
  const heard: LiveListener['heard'] = []
  let lastEventId = ''
  let closed = false
  let response: IncomingMessage | null = null
  let timer: NodeJS.Timeout | undefined

  function again() {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(connect, 200 + Math.random() * 300)
  }

  function connect() {
    let buffer = ''
    get(
      `${url()}/api/events`,
      { headers: { cookie: cookie(), ...(lastEventId ? { 'last-event-id': lastEventId } : {}) } },
      (arrived) => {
        response = arrived
        if (arrived.statusCode !== 200) {
          arrived.resume()
          return again()
        }
        arrived
          .setEncoding('utf8')
          .on('data', (text: string) => {
            buffer += text
            for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
              const fields = Object.fromEntries(
                buffer
                  .slice(0, end)
                  .split('\n')
                  .map(line => line.split(/: (.*)/s).slice(0, 2)),
              )
              if (fields.id) lastEventId = fields.id
              if (fields.event)
                heard.push({ name: fields.event, data: JSON.parse(fields.data!), at: Date.now() })
            }
          })
          .on('close', again)
          .on('error', () => {})
      },
    ).on('error', again)
  }

  connect()
  return {
    heard,
    close() {
      closed = true
      clearTimeout(timer)
      response?.destroy()
    },
  }
}
