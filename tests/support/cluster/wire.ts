import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { commandTag, createFrameReader, sqlOf } from './frames.ts'

/**
 * A TCP listener in front of one or more servers that speak PostgreSQL's protocol. It takes HAProxy's place
 * (who is behind it, in turn, is for the test to steer) and hurts the wire.
 */
export interface Wire {
  port: number
  /**
   * The servers behind it, used in turn. Connections to others are cut, as HAProxy does with `on-marked-down
   * shutdown-sessions`, unless `cut` is false.
   */
  pointTo(ports: number[], options?: { cut?: boolean }): void
  /** Present connections are reset, new ones too. */
  refuse(): void
  /**
   * A black hole: connections are accepted and kept, what is sent is lost, nobody learns that the other end
   * has closed.
   */
  freeze(): void
  /**
   * A partition that will heal: the same, but what was sent arrives afterwards, as TCP would send it again.
   */
  stall(): void
  /** Everything passes again; connections frozen before are cut. Delay and throttle end too. */
  accept(): void
  /** Resets the present connections, once. */
  reset(): void
  /** Adds this much to each way. */
  delay(ms: number): void
  /** Lets so many bytes a second through, each way and for each connection. */
  throttle(bytesPerSecond: number | null): void
  /** Looks at what clients send, as text. */
  onClientData(look: (data: string) => void): void
  /** Looks at each statement that clients send, as a simple query or to be prepared. */
  onStatement(look: (sql: string) => void): void
  /** The next answer of the server is swallowed and its connection cut instead. */
  cutAfterServerAnswers(): void
  /**
   * Cuts the connections of the next `count` transactions that write, at their COMMIT. `before`: it is not
   * passed on, so nothing is committed. `after`: it is passed on and answered, and the answer is swallowed,
   * so it certainly is committed. `with`: passed on and cut at once, so that nobody knows.
   */
  cutAtCommit(when: 'before' | 'with' | 'after', count?: number): void
  /** How many COMMITs have been cut so far. */
  commitsCut(): number
  connections(): number
  close(): Promise<void>
}

type Mode = 'accept' | 'refuse' | 'freeze' | 'stall'

/** The end of a statement list that commits: `COMMIT`, `…; COMMIT;`, `END`. */
const commits = /(^|;)\s*(COMMIT|END)\s*;?\s*$/i
const beginsReadOnly = /^\s*(BEGIN|START TRANSACTION)\b[^;]*READ ONLY/i
const begins = /^\s*(BEGIN|START TRANSACTION)\b/i

export async function createWire(targets: number[]): Promise<Wire> {
  const links = new Set<Link>()
  let mode: Mode = 'accept'
  let next = 0
  let delayMs = 0
  let bytesPerSecond: number | null = null
  let cutNextAnswer = false
  let look: (data: string) => void = () => {}
  let lookAtStatement: (sql: string) => void = () => {}
  let commitCut: { when: 'before' | 'with' | 'after', left: number } = { when: 'after', left: 0 }
  let commitsCut = 0

  interface Link { target: number, cut(): void, flush(): void }

  /** One direction of a connection: holds, delays and throttles, and keeps the order. */
  function lane(to: Socket) {
    const queue: { at: number, data: Buffer }[] = []
    let timer: NodeJS.Timeout | null = null
    let freeAt = 0
    function pump() {
      timer = null
      while (queue.length && mode !== 'stall' && queue[0]!.at <= Date.now()) {
        const { data } = queue.shift()!
        if (!to.destroyed) to.write(data)
      }
      if (queue.length && mode !== 'stall') timer = setTimeout(pump, Math.max(1, queue[0]!.at - Date.now()))
    }
    return {
      send(data: Buffer) {
        if (mode === 'freeze') return
        if (!queue.length && mode !== 'stall' && !delayMs && !bytesPerSecond) {
          to.write(data)
          return
        }
        freeAt
          = Math.max(Date.now() + delayMs, freeAt)
            + (bytesPerSecond ? (data.length / bytesPerSecond) * 1000 : 0)
        queue.push({ at: freeAt, data })
        timer ??= setTimeout(pump, Math.max(0, freeAt - Date.now()))
      },
      flush() {
        for (const entry of queue) entry.at = 0
        if (timer) clearTimeout(timer)
        pump()
      },
      stop() {
        if (timer) clearTimeout(timer)
        queue.length = 0
      },
    }
  }

  function open(client: Socket, target: number) {
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const toServer = lane(server)
    const toClient = lane(client)
    const readClient = createFrameReader('client')
    const readServer = createFrameReader('server')
    let readOnly = false
    let answerWanted = false
    const link: Link = {
      target,
      cut() {
        links.delete(link)
        toServer.stop()
        toClient.stop()
        client.resetAndDestroy()
        server.destroy()
      },
      flush() {
        toServer.flush()
        toClient.flush()
        // One end went away while the wire was held: now the other learns of it.
        if (client.destroyed) server.end(() => server.destroy())
        if (server.destroyed) client.end(() => client.destroy())
      },
    }
    links.add(link)

    client.on('data', (data) => {
      if (mode === 'freeze') return
      look(data.toString('latin1'))
      const frames = readClient(data)
      for (const [n, frame] of frames.entries()) {
        const sql = sqlOf(frame)
        if (sql !== null) {
          lookAtStatement(sql)
          if (begins.test(sql)) readOnly = beginsReadOnly.test(sql)
          if (!readOnly && commits.test(sql) && commitCut.left > 0) {
            commitCut.left--
            commitsCut++
            if (commitCut.when === 'before') return link.cut()
            if (commitCut.when === 'with') {
              // Written and flushed, so that the server gets it whole (a prepared statement is several
              // messages); its answer meets a closed socket.
              server.write(Buffer.concat(frames.slice(n).map(({ bytes }) => bytes)), () => link.cut())
              return
            }
            answerWanted = true
          }
        }
        toServer.send(frame.bytes)
      }
    })
    server.on('data', (data) => {
      if (mode === 'freeze') return
      if (cutNextAnswer) {
        cutNextAnswer = false
        return link.cut()
      }
      for (const frame of readServer(data)) {
        if (answerWanted && commandTag(frame) === 'COMMIT') return link.cut()
        if (answerWanted && commandTag(frame) === 'ROLLBACK') answerWanted = false
        toClient.send(frame.bytes)
      }
    })
    const held = () => mode === 'freeze' || mode === 'stall'
    client.on('error', () => {})
    server.on('error', () => {})
    client.on('close', () => {
      if (held()) return
      links.delete(link)
      server.destroy()
    })
    // A server that refuses or has died: its clients are reset.
    server.on('close', (hadError) => {
      if (held()) return
      links.delete(link)
      if (hadError) client.resetAndDestroy()
      else client.end(() => client.destroy())
    })
  }

  const listener = createServer((client) => {
    client.on('error', () => {})
    if (mode === 'refuse' || !targets.length) return client.resetAndDestroy()
    open(client, targets[next++ % targets.length]!)
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))

  function cutWhere(condition: (link: Link) => boolean) {
    for (const link of [...links]) if (condition(link)) link.cut()
  }

  return {
    port: (listener.address() as AddressInfo).port,
    pointTo(ports, { cut = true } = {}) {
      targets = ports
      if (cut) cutWhere(link => !ports.includes(link.target))
    },
    refuse() {
      mode = 'refuse'
      cutWhere(() => true)
    },
    freeze() {
      mode = 'freeze'
    },
    stall() {
      mode = 'stall'
    },
    accept() {
      const before = mode
      mode = 'accept'
      delayMs = 0
      bytesPerSecond = null
      commitCut.left = 0
      if (before === 'freeze') cutWhere(() => true)
      for (const link of links) link.flush()
    },
    reset: () => cutWhere(() => true),
    delay(ms) {
      delayMs = ms
    },
    throttle(rate) {
      bytesPerSecond = rate
    },
    onClientData(handler) {
      look = handler
    },
    onStatement(handler) {
      lookAtStatement = handler
    },
    cutAfterServerAnswers() {
      cutNextAnswer = true
    },
    cutAtCommit(when, count = 1) {
      commitCut = { when, left: count }
    },
    commitsCut: () => commitsCut,
    connections: () => links.size,
    async close() {
      mode = 'refuse'
      cutWhere(() => true)
      await new Promise(resolve => listener.close(resolve))
    },
  }
}
