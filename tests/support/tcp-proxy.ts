import { createServer, connect, type Socket, type AddressInfo } from 'node:net'

/** A small TCP proxy in front of a database, to hurt the wire: refuse, freeze, cut exactly between COMMIT and its answer. */
export interface TcpProxy {
  /** The given URL with the proxy's address. */
  url: string
  /** New connections are reset, present ones cut. */
  refuse(): void
  /** Connections are accepted and kept, and nothing passes either way. */
  freeze(): void
  /** Everything passes again; connections frozen before are cut. */
  accept(): void
  /** Looks at what clients send, as text. */
  onClientData(look: (data: string) => void): void
  /** The next answer of the server is swallowed and its connection cut instead. */
  cutAfterServerAnswers(): void
  close(): Promise<void>
}

/** @param target a PostgreSQL URL with a TCP host. */
export async function createTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let mode: 'accept' | 'refuse' | 'freeze' = 'accept'
  let cutNextAnswer = false
  let look: (data: string) => void = () => {}

  function cutAll() {
    for (const socket of sockets) socket.destroy()
  }

  function track(socket: Socket) {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }

  const server = createServer((client) => {
    track(client)
    if (mode === 'refuse') return client.resetAndDestroy()
    const upstream = connect(Number(port), hostname)
    track(upstream)
    client.on('data', (data) => {
      if (mode === 'freeze') return
      look(data.toString('latin1'))
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (mode === 'freeze') return
      if (cutNextAnswer) {
        cutNextAnswer = false
        client.destroy()
        upstream.destroy()
        return
      }
      client.write(data)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)

  return {
    url: url.href,
    refuse() {
      mode = 'refuse'
      cutAll()
    },
    freeze() {
      mode = 'freeze'
    },
    accept() {
      if (mode === 'freeze') cutAll()
      mode = 'accept'
    },
    onClientData(handler) {
      look = handler
    },
    cutAfterServerAnswers() {
      cutNextAnswer = true
    },
    async close() {
      cutAll()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
