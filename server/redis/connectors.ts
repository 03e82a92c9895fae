import { createConnection, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { AbstractConnector, SentinelConnector, type Redis, type RedisOptions } from 'ioredis'
import { resolver } from '#server/telemetry/resolver.ts'

/**
 * ioredis asks the system for a name at every attempt to connect, however many are under way: with its names
 * unresolvable three hundred look-ups were queued, and the database's behind them. These connect as its own
 * do, with the process's resolver.
 */
const { lookup } = resolver

interface Target {
  host?: string
  port?: number
  tls?: ConnectionOptions
  disconnectTimeout?: number
}

/** To one server by its address. */
export class NamedConnector extends AbstractConnector {
  private readonly target: Target

  constructor(options: unknown) {
    const target = options as Target
    super(target.disconnectTimeout ?? 0)
    this.target = target
  }

  async connect(): Promise<Socket> {
    this.connecting = true
    const { host, port, tls } = this.target
    const address = { host: host ?? 'localhost', port: port ?? 6379, lookup }
    const stream = tls ? connectTls({ ...address, ...tls }) : createConnection(address)
    stream.once('error', (error) => {
      this.firstError = error
    })
    this.stream = stream
    return stream
  }
}

/** To the master that a Sentinel names. */
export class NamedSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    const given = options as ConstructorParameters<typeof SentinelConnector>[0]
    const natMap = given.natMap as Record<string, { host: string, port: number }> | undefined
    super({ ...given, natMap: address => Object.assign({ lookup }, natMap?.[address] ?? split(address)) })
    // Private in ioredis' types; it has no other way to say how a Sentinel itself is connected to.
    const own = this as unknown as { connectToSentinel(endpoint: unknown, options?: RedisOptions): Redis }
    const asBefore = own.connectToSentinel.bind(this)
    own.connectToSentinel = (endpoint, options) =>
      asBefore(endpoint, { ...options, Connector: NamedConnector })
  }
}

/** As a Sentinel says it: `host:port`, an IPv6 address without brackets. */
function split(address: string): { host: string, port: number } {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) }
}
