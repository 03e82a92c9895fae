import { readFileSync } from 'node:fs'
import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from 'pino'
import { NamedConnector, NamedSentinelConnector } from './connectors.ts'
import { traceCommands } from './spans.ts'

export interface RedisConnection {
  url: string
  /** Empty: the URL's own host is asked. */
  sentinels: { host: string, port: number }[]
  sentinelName: string
  sentinelPassword?: string
  sentinelTls?: boolean
  /** PEM file of the authority that signed the servers' certificates; absent: those of the system. */
  tlsCaFile?: string
  /** Announced address to the one that is reachable from here, each `host:port`. */
  natMap?: Record<string, { host: string, port: number }>
  /** As ioredis has it, to show what that costs: the drills' `--break ioredis-defaults`. */
  libraryDefaults?: boolean
  log: Logger
}

/**
 * One second: a healthy Redis answers in a millisecond; one that has not answered by then is frozen, cut off
 * or failing over, and the caller has better things to do than wait.
 */
export const commandTimeoutMs = 1_000

/** All keys of Fleet2, should it share a Redis. */
export const keyPrefix = 'fleet2:'

/**
 * The same time between attempts, short, with jitter: Redis is one hop away, and three instances are no
 * crowd.
 */
function retryDelay() {
  return 150 + Math.random() * 150
}

/**
 * A frozen peer never answers our FIN: the socket is destroyed after this. ioredis's own 2 s would be 2 s
 * without Redis.
 */
const disconnectTimeoutMs = 50

/**
 * How a client is set up so that it notices a frozen master, leaves a demoted one, and never waits for ever.
 * ioredis's defaults do none of it. `queue`: commands before the connection stands wait for it. Without, they
 * are refused at once, which proves that they are not executed: ioredis sends a queued command even after its
 * caller was told that it had timed out.
 */
export function clientOptions(
  {
    url,
    sentinels,
    sentinelName,
    sentinelPassword,
    sentinelTls = false,
    tlsCaFile,
    natMap,
    libraryDefaults = false,
  }: RedisConnection,
  { queue }: { queue: boolean },
): RedisOptions {
  const parsed = new URL(url)
  const tls = parsed.protocol === 'rediss:'
  const tlsOptions = tlsCaFile ? { ca: readFileSync(tlsCaFile) } : {}
  const tuned: RedisOptions = {
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    keepAlive: 5_000,
    lazyConnect: true,
    // A command that was sent may have been executed: it is not sent again behind the caller's back.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: queue,
    retryStrategy: retryDelay,
    // The old master after a failover: leave it. Whether the refused command is sent again is `link.ts`'s to
    // say: inside MULTI, ioredis would send it alone.
    reconnectOnError: error => (error.message.startsWith('READONLY') ? 1 : false),
    protocol: 2,
    ...(tls ? { tls: tlsOptions } : {}),
  }
  const common: RedisOptions = {
    ...(libraryDefaults ? { lazyConnect: true } : tuned),
    username: decodeURIComponent(parsed.username) || undefined,
    password: decodeURIComponent(parsed.password) || undefined,
    db: Number(parsed.pathname.slice(1)) || 0,
  }
  if (sentinels.length === 0) {
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    return {
      ...common,
      host: parsed.hostname.replace(/^\[|\]$/g, ''),
      port: Number(parsed.port) || 6379,
      Connector: NamedConnector,
    }
  }
  return {
    ...common,
    Connector: NamedSentinelConnector,
    sentinels,
    name: sentinelName,
    role: 'master',
    sentinelPassword,
    ...(sentinelTls ? { sentinelTLS: tlsOptions } : {}),
    ...(tls ? { enableTLSForSentinelMode: true } : {}),
    natMap,
    ...(libraryDefaults
      ? {}
      : { sentinelCommandTimeout: commandTimeoutMs, sentinelRetryStrategy: retryDelay }),
    // Ours is in `sentinels.ts`: ioredis's ends a client for good when the message comes while it is
    // connecting, has three more connections for every client, and prints each failed attempt of them on
    // standard error.
    failoverDetector: false,
  }
}

/** A client that goes on trying to connect until `disconnect` is called on it. */
export function connect(connection: RedisConnection, options: { queue: boolean }): Redis {
  const client = new Redis(clientOptions(connection, options))
  traceCommands(client)
  let closed = false
  const disconnect = client.disconnect.bind(client)
  client.disconnect = (reconnect = false) => {
    closed ||= !reconnect
    disconnect(reconnect)
  }
  // Without a listener ioredis prints each failed attempt on standard error.
  client.on('error', (error: Error & { command?: { name?: string } }) => {
    connection.log.debug({ err: error }, 'Redis connection error')
    // ioredis reports a SELECT that failed and goes on, in database 0: among another installation's keys.
    if (error.name === 'ReplyError' && error.command?.name === 'select' && client.status === 'connect')
      client.disconnect(true)
  })
  // ioredis gives up for good when its connector is told to disconnect while it asks a Sentinel: that counts
  // as closed by the caller. Nobody would ever connect again.
  client.on('end', () => {
    if (closed) return
    setTimeout(() => {
      if (!closed && client.status === 'end') client.connect().catch(() => {})
    }, retryDelay()).unref()
  })
  client.connect().catch(() => {
    // It goes on trying in the background; each command says by itself that Redis is away.
  })
  return client
}
