import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  createServer, isIP, isIPv6, type AddressInfo, type BlockList, type Server, type Socket,
} from 'node:net'
import type { Logger } from 'pino'
import { createTally, type Ingest } from '#server/fleet/ingest/ingest.ts'
import { NotConnectedError, type Commands } from './commands.ts'
import { serveConnection, type Connection } from './connection.ts'
import { serveDatagrams } from './datagrams.ts'
import { gt06 } from './gt06.ts'
import { h02 } from './h02.ts'
import { limits as standardLimits, type Limits } from './limits.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { TrackerDecoder, TrackerProtocol } from './protocol.ts'
import type { StoreOptions } from './store.ts'
import { teltonika } from './teltonika.ts'

const decoders: Record<TrackerProtocol, TrackerDecoder> = { teltonika, gt06, h02 }

export interface GatewayOptions {
  /** Null: all addresses. */
  host: string | null
  /** Null: the protocol is not spoken. 0: a port of the system's. */
  ports: Record<TrackerProtocol, number | null>
  maxConnections: number
  maxConnectionsPerAddress: number
  /** Who may say for whom it speaks, by a PROXY header. */
  trustedProxies: BlockList
  ingest: Pick<Ingest, 'acceptAll'>
  metrics: GatewayMetrics
  log: Logger
  limits?: Partial<Limits>
}

export interface Gateway extends Commands {
  /** Where each protocol is spoken: the same port for TCP and UDP. */
  ports: Partial<Record<TrackerProtocol, number>>
  /** Connections by protocol. */
  connections(): Record<TrackerProtocol, number>
  /**
   * Takes no new connections, finishes what has arrived, and resolves once nothing of it is held. What cannot
   * be stored by then is not acknowledged. Called again, it is the same end that is waited for.
   */
  close(): Promise<void>
}

/** Connections that wait to be accepted: a whole fleet that comes back after an outage. */
const backlog = 4_096

/** Listens. Rejects with Node's own error where it cannot. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { metrics, log, maxConnections, maxConnectionsPerAddress } = options
  const limits: Limits = {
    ...standardLimits, connections: maxConnections, connectionsPerAddress: maxConnectionsPerAddress,
    ...options.limits,
  }
  const ending = new AbortController()
  const open = new Map<Connection, TrackerProtocol>()
  const byAddress = new Map<string, number>()
  const byIdentifier = new Map<string, Connection>()
  let closing = false
  let closed: Promise<void> | null = null

  const ended = createTally(why => log.info({ why }, 'Connections of trackers ended, by protocol and reason'))
  const errors = createTally(errors => log.warn({ errors }, 'Records of trackers could not be stored'))
  const unread = createTally(why => log.warn({ why }, 'Messages of trackers could not be read'))
  const store: StoreOptions = {
    ingest: options.ingest,
    metrics,
    holdMs: limits.holdMs,
    signal: ending.signal,
    onError(error) {
      errors.add(error instanceof Error ? error.message : String(error))
      errors.tell()
    },
  }

  function accept(socket: Socket, decoder: TrackerDecoder) {
    const peer = plain(socket.remoteAddress)
    if (!peer || closing) return socket.destroy()
    if (open.size >= limits.connections) {
      metrics.refused(decoder.name, 'full')
      return socket.destroy()
    }
    let counted: string | null = null
    const admit = (said: string | null): boolean => {
      const address = plain(said ?? undefined) ?? peer
      const there = byAddress.get(address) ?? 0
      if (there >= limits.connectionsPerAddress) {
        metrics.refused(decoder.name, 'address')
        return false
      }
      byAddress.set(address, there + 1)
      counted = address
      return true
    }
    const isProxy = options.trustedProxies.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4')
    if (!isProxy && !admit(null)) return socket.destroy()
    socket.setKeepAlive(true, keepAliveMs)
    const connection = serveConnection({
      socket, decoder, store, metrics, limits, isProxy, admit,
      onIdentified: (identifier, one) => byIdentifier.set(identifier, one),
      onEnd(one, { ending: how, identifier, why }) {
        open.delete(one)
        if (identifier !== null && byIdentifier.get(identifier) === one) byIdentifier.delete(identifier)
        const left = counted === null ? 0 : byAddress.get(counted)! - 1
        if (counted !== null) {
          if (left) byAddress.set(counted, left)
          else byAddress.delete(counted)
        }
        metrics.ended(decoder.name, how)
        if (how === 'unreadable') unread.add(`${decoder.name}: ${why ?? 'unreadable'}`)
        unread.tell()
        ended.add(`${decoder.name}: ${how}`)
        ended.tell()
      },
    })
    open.set(connection, decoder.name)
  }

  const servers: Server[] = []
  const sockets: { close(): Promise<void>, settled(): Promise<void> }[] = []
  const ports: Gateway['ports'] = {}
  for (const [name, port] of Object.entries(options.ports) as [TrackerProtocol, number | null][]) {
    if (port === null) continue
    const decoder = decoders[name]
    const server = createServer({ allowHalfOpen: true }, socket => accept(socket, decoder))
    server.listen({ port, host: options.host ?? undefined, backlog })
    await once(server, 'listening')
    server.on('error', error => log.error({ err: error }, 'A tracker could not be accepted'))
    servers.push(server)
    ports[name] = (server.address() as AddressInfo).port
    const { readDatagram } = decoder
    if (readDatagram) sockets.push(await listenForDatagrams({ ...decoder, readDatagram }, ports[name]))
    log.info({ protocol: name, port: ports[name] }, 'Listening for trackers')
  }

  async function listenForDatagrams(
    decoder: TrackerDecoder & Required<Pick<TrackerDecoder, 'readDatagram'>>, port: number,
  ) {
    const socket = createSocket({ type: isIP(options.host ?? '') === 4 ? 'udp4' : 'udp6', recvBufferSize })
    socket.bind({ port, address: options.host ?? undefined })
    await once(socket, 'listening')
    socket.on('error', error => log.error({ err: error }, 'Datagrams of trackers could not be received'))
    const { settled } = serveDatagrams({
      socket, decoder, store, metrics, limits,
      onFault(error) {
        unread.add(`${decoder.name}: ${error.message}`)
        unread.tell()
      },
    })
    const stop = () => void socket.removeAllListeners('message')
    return { settled, close: () => new Promise<void>(resolve => (stop(), socket.close(resolve))) }
  }

  async function closeAll() {
    closing = true
    for (const server of servers) server.close()
    for (const connection of open.keys()) connection.drain()
    setTimeout(() => ending.abort(), holdWhileClosingMs).unref()
    await Promise.all(sockets.map(async ({ settled, close }) => {
      await settled()
      await close()
    }))
    await Promise.all([...open.keys()].map(({ closed }) => closed))
  }

  return {
    ports,
    connections() {
      const counts: Record<TrackerProtocol, number> = { teltonika: 0, gt06: 0, h02: 0 }
      for (const name of open.values()) counts[name]++
      return counts
    },
    async send(identifier, text, timeoutMs) {
      const connection = byIdentifier.get(identifier)
      if (!connection) throw new NotConnectedError('The tracker is not connected to this instance')
      return connection.send(text, timeoutMs)
    },
    close: () => closed ??= closeAll(),
  }
}

/**
 * What is held on to is given up after this and one attempt more (20 s): with the drain delay (5 s) within
 * the drain time-out (30 s).
 */
const holdWhileClosingMs = 3_000

/** A tracker's network forgets a silent connection after some minutes: it notices, and so do we. */
const keepAliveMs = 60_000

/** Bytes: a burst of some thousand datagrams, where the system allows it. */
const recvBufferSize = 4_194_304

function plain(address: string | undefined): string | null {
  const text = address?.replace(/^::ffff:/i, '').replace(/%.*$/, '') ?? ''
  return isIP(text) ? text : null
}
