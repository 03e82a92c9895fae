import pg from 'pg'
import type { Logger } from 'pino'
import { momentIn, msUntil, remainingMs } from '#server/telemetry/context.ts'
import { UnavailableError } from '#shared/errors.ts'

export interface PoolOptions {
  /** `primary` or `replica`, for log lines and metrics. */
  name: 'primary' | 'replica'
  connectionString: string
  /** Most connections this instance holds to it. */
  maxConnections: number
  log: Logger
  /** An idle connection was lost: something may have happened to the server. */
  onLost?(): void
}

export interface Connection {
  client: pg.PoolClient
  /** Whether PostgreSQL has warned that a commit did not wait for its standby; asking clears it. */
  takeReplicationWarning(): boolean
  /** `destroy` when its state is not certain. */
  release(destroy: boolean): void
}

export interface Pool {
  readonly name: 'primary' | 'replica'
  /** A connection of one's own until it is released. Bounded by `limitMs` and the request's deadline. */
  acquire(limitMs?: number): Promise<Connection>
  /** The server behind the pool is another one now: connections made before this moment are not used again, those in use are closed when they come back. */
  beginEpoch(): void
  stats(): { active: number, idle: number, waiting: number, max: number }
  close(): Promise<void>
}

/**
 * Connecting takes a few milliseconds on a healthy network, and PgBouncer takes a client whether its server is there or
 * not. 2 s lets one SYN be lost and sent again, and fails long before a request's deadline.
 */
const connectTimeoutMs = 2_000

/** Longest wait for a free connection. Past it the queue is longer than the deadline allows, and waiting only lengthens it. */
const acquireTimeoutMs = 5_000

/** A pool that never waits without limit and never ends the process: node-postgres by default does both. */
export function openPool({ name, connectionString, maxConnections, log, onLost = () => {} }: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    // A fresh one now and then, so that load spreads again after a balancer or pooler came back.
    maxLifetimeSeconds: 900,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    application_name: 'fleet2',
    // What is queried is sent at once, before the answers of what went before: BEGIN and the first statement share a round trip.
    pipeline: true,
  } as pg.PoolConfig)
  let checkedOut = 0
  /** Not the pool's own count: it goes on counting those that have given up. */
  let waiting = 0
  let epoch = 0
  const epochs = new WeakMap<pg.ClientBase, number>()
  const warned = new WeakSet<pg.ClientBase>()
  // Without a listener an idle connection's error would end the process. The pool has already removed the client.
  pool.on('error', (error) => {
    log.debug({ err: error, pool: name }, 'An idle database connection was lost')
    onLost()
  })
  pool.on('connect', (client) => {
    epochs.set(client, epoch)
    // The same for the moments in which a client is neither idle nor in a query.
    client.on('error', () => {})
    // By the place in the source and not by its words, which the server may translate.
    client.on('notice', (notice) => {
      if (notice.routine === 'SyncRepWaitForLSN') warned.add(client)
    })
  })

  return {
    name,
    async acquire(limitMs = acquireTimeoutMs) {
      const until = momentIn(remainingMs(Math.min(limitMs, acquireTimeoutMs)))
      for (;;) {
        const limit = msUntil(until)
        if (limit <= 0) throw new UnavailableError('The request ran out of time while it waited for the database.')
        waiting++
        const client = await withinLimit(pool, limit, name).finally(() => waiting--)
        if (epochs.get(client) !== epoch) {
          client.release(true)
          continue
        }
        checkedOut++
        let released = false
        return {
          client,
          takeReplicationWarning: () => warned.delete(client),
          release(destroy) {
            if (released) return
            released = true
            checkedOut--
            client.release(destroy || epochs.get(client) !== epoch)
          },
        }
      }
    },
    beginEpoch() {
      epoch++
      // Taking an idle one out and destroying it is the way that the pool itself offers. It hands out idle ones first, and at once.
      for (let count = pool.idleCount; count > 0; count--) pool.connect().then(client => client.release(epochs.get(client) !== epoch), () => {})
    },
    stats: () => ({ active: checkedOut, idle: pool.idleCount, waiting, max: maxConnections }),
    close: () => pool.end(),
  }
}

/** `pool.connect()` within `limit` ms. A client that comes too late goes straight back to the pool. */
async function withinLimit(pool: pg.Pool, limit: number, name: string): Promise<pg.PoolClient> {
  const connecting = pool.connect()
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connecting.then(client => client.release(), () => {})
      reject(new UnavailableError(`No connection to the ${name} database became free in time.`))
    }, limit)
  })
  try {
    return await Promise.race([connecting, tooLate])
  }
  finally {
    clearTimeout(timer)
  }
}
