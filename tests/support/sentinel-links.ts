import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/**
 * The wire between the parts of a Sentinel cluster and its clients: a door (TCP proxy) before each part,
 * through which everybody else must come. Who comes is known by the source address, because each part calls
 * out from an address of its own in 127.0.0.0/8. So a partition needs no root and no network namespace: what
 * passes between two sides that do not see each other is held back, as on a cable that was pulled, and goes
 * on if it heals in time.
 */
export interface Links {
  /** A door to `target` for callers of any kind, or for one client alone. */
  door(target: { name: string, port: number }, options?: { port?: number, client?: string }): Promise<number>
  /** Tells by which source address a part calls. */
  knowSource(address: string, name: string): void
  /** From now on these see each other, and nobody else. */
  isolate(...names: string[]): void
  /** From now on these two do not see each other; all else is as it was. */
  cutBetween(one: string, other: string): void
  /** From now on no Sentinel's word of a new master reaches this client. */
  hideSwitch(client: string): void
  /** Everybody sees everybody again. */
  heal(): void
  close(): Promise<void>
}

interface Line {
  from: string
  to: string
  near: Socket
  far: Socket
}

/** Whoever calls from no known address: a client with no name. */
export const anonymousClient = 'client'

export function createLinks(): Links {
  const sources = new Map<string, string>()
  const servers: Server[] = []
  const lines = new Set<Line>()
  const cutPairs = new Set<string>()
  const deaf = new Set<string>()
  let island: Set<string> | null = null

  const cut = ({ from, to }: Pick<Line, 'from' | 'to'>) =>
    cutPairs.has(`${from} ${to}`) || (island !== null && island.has(from) !== island.has(to))

  function accept(near: Socket, target: { name: string, port: number }, client: string | undefined) {
    const from = client ?? sources.get(near.remoteAddress ?? '') ?? anonymousClient
    const far = connect({ port: target.port, host: '127.0.0.1', noDelay: true })
    near.setNoDelay(true)
    const line: Line = { from, to: target.name, near, far }
    lines.add(line)
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on('error', () => one.destroy())
      one.on('data', (data) => {
        if (one === far && deaf.has(from) && data.includes('message') && data.includes('+switch-master'))
          return
        if (!other.write(data)) one.pause()
      })
      other.on('drain', () => {
        if (!cut(line)) one.resume()
      })
      // The end of a connection is news too: it does not pass a cut.
      one.on('close', () => {
        if (!cut(line)) other.destroy()
      })
    }
    if (cut(line)) hold(line)
    const ended = () => {
      if (near.destroyed && far.destroyed) lines.delete(line)
    }
    near.on('close', ended)
    far.on('close', ended)
  }

  function hold({ near, far }: Line) {
    near.pause()
    far.pause()
  }

  return {
    async door(target, { port = 0, client } = {}) {
      const server = createServer({ noDelay: true }, socket => accept(socket, target, client))
      servers.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(port, '127.0.0.1', resolve)
      })
      return (server.address() as AddressInfo).port
    },
    knowSource: (address, name) => void sources.set(address, name),
    isolate(...names) {
      island = new Set(names)
      for (const line of lines) {
        if (cut(line)) hold(line)
      }
    },
    cutBetween(one, other) {
      cutPairs.add(`${one} ${other}`).add(`${other} ${one}`)
      for (const line of lines) {
        if (cut(line)) hold(line)
      }
    },
    hideSwitch: client => void deaf.add(client),
    heal() {
      island = null
      cutPairs.clear()
      for (const { near, far } of lines) {
        if (near.destroyed || far.destroyed) {
          near.destroy()
          far.destroy()
        }
        near.resume()
        far.resume()
      }
    },
    async close() {
      for (const { near, far } of lines) {
        near.destroy()
        far.destroy()
      }
      await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
    },
  }
}
