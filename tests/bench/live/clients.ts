import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * A thousand listeners in one process, on bare sockets: they look for `"n":<number>,"t":<ms>` in what comes
 * and count. A browser's or a client library's own work would measure the machine instead of the server.
 */
export interface ClientsTask {
  kind: 'sse' | 'socket.io'
  port: number
  clients: number
  /** Taken in turn. */
  cookies: string[]
  /** Events are numbered from 0 to below this. */
  events: number
}

export interface ClientsReport {
  /** Each event counted once a client. */
  delivered: number
  duplicates: number
  resyncs: number
  reconnects: number
  p50: number
  p99: number
  max: number
}

const task = JSON.parse(process.argv[2]!) as ClientsTask
const marker = Buffer.from('"n":')
const ping = Buffer.from([0x81, 0x01, 0x32])
/**
 * The masked frame of `3`, the answer to engine.io's ping; `40`, which opens the namespace. The mask is zero.
 */
const pong = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x33])
const open = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30])
/** A tenth of a millisecond a bucket, up to two minutes. */
const latencies = new Uint32Array(1_200_000)
const report = { delivered: 0, duplicates: 0, resyncs: 0, reconnects: 0 }
let connected = 0

function begin(index: number, seen: Uint8Array, lastId: string) {
  const socket = connect(task.port, '127.0.0.1')
  let id = lastId
  let tail = Buffer.alloc(0)
  let opened = false
  socket.setNoDelay(true)
  socket.write(
    task.kind === 'sse'
      ? `GET /api/events HTTP/1.1\r\nHost: localhost\r\nCookie: ${task.cookies[index % task.cookies.length]}\r\n${id ? `Last-Event-ID: ${id}\r\n` : ''}\r\n`
      : `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  socket.on('data', (chunk) => {
    const now = performance.timeOrigin + performance.now()
    const data = tail.length ? Buffer.concat([tail, chunk]) : chunk
    if (!opened) {
      // The first event of ours is `status`; socket.io's is `0{…}`, answered with `40`, whose answer is
      // `40{…}`.
      if (task.kind === 'socket.io' && data.includes('0{"sid"') && !data.includes('40{"sid"'))
        socket.write(open)
      if (data.includes(task.kind === 'sse' ? 'event: status' : '40{"sid"')) {
        opened = true
        if (++connected === task.clients) process.send!('connected')
      }
    }
    let at = 0
    for (let found; (found = data.indexOf(marker, at)) >= 0;) {
      const comma = data.indexOf(0x2C, found)
      const end = comma < 0 ? -1 : data.indexOf(0x7D, comma)
      if (end < 0) break
      const n = Number(data.toString('latin1', found + 4, comma))
      if (seen[n]) {
        report.duplicates++
      }
      else {
        seen[n] = 1
        report.delivered++
        latencies[
          Math.min(
            latencies.length - 1,
            Math.max(0, Math.round((now - Number(data.toString('latin1', comma + 5, end))) * 10)),
          )
        ]!++
      }
      at = end
    }
    if (task.kind === 'sse') {
      // Only a whole line: its end must have come.
      const line = data.lastIndexOf('\nid: ')
      const end = line < 0 ? -1 : data.indexOf(0x0A, line + 1)
      if (end >= 0) id = data.toString('latin1', line + 5, end)
      if (data.includes('event: resync')) report.resyncs++
    }
    else if (data.includes(ping)) {
      socket.write(pong)
    }
    // What is not whole yet: from the last line's beginning, or from a number whose end has not come.
    const unfinished = data.indexOf(marker, at)
    const from = unfinished >= 0 ? unfinished : Math.max(at, data.lastIndexOf(0x0A))
    tail = data.length - from > 4_096 ? Buffer.alloc(0) : Buffer.from(data.subarray(from))
  }).on('error', () => {}).on('close', async () => {
    report.reconnects++
    await pause(500 + Math.random() * 1_000)
    begin(index, seen, id)
  })
}

for (let index = 0; index < task.clients; index++) {
  begin(index, new Uint8Array(task.events), '')
  // Not all in one moment: the accept queue is not what is measured.
  if (index % 50 === 49) await pause(20)
}

process.on('message', () => {
  const count = latencies.reduce((sum, value) => sum + value, 0)
  const quantile = (share: number) => {
    let left = count * share
    for (let bucket = 0; bucket < latencies.length; bucket++)
      if ((left -= latencies[bucket]!) <= 0) return bucket / 10
    return 0
  }
  process.send!({
    ...report,
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: latencies.findLastIndex(value => value > 0) / 10,
  } satisfies ClientsReport)
})
