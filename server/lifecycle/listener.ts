import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'

/**
 * A client has this long for the head of its request, and for the whole of it with its body; then it is
 * answered 408 and its connection ends. The head is one packet or two. A body is a form of at most 1 MiB: 30
 * s are 35 kB/s, and for a position of a tracker on a bad line 30 B/s. Answers, and so live streams, are not
 * bounded by it. Node's own 60 s and 300 s hold a connection, and what Node keeps for it, far longer than
 * anybody who means it needs.
 */
export const headersTimeoutMs = 10_000
export const requestTimeoutMs = 30_000

/** Node looks for those that are too late only so often; its own 30 s would double the limits. */
const lookEveryMs = 2_000

/** While no connection can be accepted, the kernel says so at every turn of the event loop. */
const sayEveryMs = 5_000

/** What the listener could not do, in words, and whether the configuration is at fault. */
export interface ListenFault {
  message: string
  configuration: boolean
}

/**
 * Nitro makes the listener itself and shows it to nobody. Node tells of every server that is about to listen:
 * the first one of this process is ours. Its limits are set before its first connection.
 *
 * `onFault` is called once at most, where it cannot listen. Once it listens, nothing that happens at the
 * listener ends the instance: a connection that cannot be accepted (no descriptor is left) is the loss of one
 * connection, told to `onRefused` with the error, every five seconds at most.
 */
export function watchListener({ onServer, onFault, onRefused }: {
  onServer: (server: Server) => void
  onFault: (fault: ListenFault) => void
  onRefused: (error: Error) => void
}): void {
  let known = false
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server & { connectionsCheckingInterval?: number } }
    if (known || typeof server.headersTimeout !== 'number') return
    known = true
    server.headersTimeout = headersTimeoutMs
    server.requestTimeout = requestTimeoutMs
    server.connectionsCheckingInterval = lookEveryMs
    let saidAt = -Infinity
    server.on('error', (error) => {
      if (!server.listening) return onFault(inWords(error))
      if (performance.now() - saidAt < sayEveryMs) return
      saidAt = performance.now()
      onRefused(error)
    })
    onServer(server)
  })
}

function inWords({
  code = '',
  message,
  ...error
}: NodeJS.ErrnoException & { address?: string, port?: number }): ListenFault {
  const at = `${error.address ?? 'all addresses'}, port ${error.port ?? '?'}`
  switch (code) {
    case 'EADDRINUSE':
      return { message: `The port is in use: ${at}`, configuration: false }
    case 'EADDRNOTAVAIL':
      return { message: `HOST is no address of this machine: ${at}`, configuration: true }
    case 'EACCES':
      return {
        message: `This user may not listen there: ${at}. Choose a PORT from 1024, or give it the capability`,
        configuration: true,
      }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { message: 'HOST is a name that has no address', configuration: true }
    default:
      return { message: `Cannot listen at ${at}: ${message}`, configuration: false }
  }
}
