import type { Logger } from 'pino'
import type { Database } from './port.ts'
import { checkSchema } from './migrate.ts'
import type { Migration } from './migrations.ts'
import { openPool } from './pool.ts'
import { createProbe, type ServerState } from './probe.ts'
import { createRouter, type RouterMetrics } from './router.ts'

export interface DatabaseOptions {
  primaryUrl: string
  /** Null, or the same as the primary's: all reads go to the primary. */
  replicaUrl: string | null
  /** Most connections of this instance to each of the two. */
  maxConnections: number
  log: Logger
  metrics?: RouterMetrics
}

/** The database with what its keeper needs beside the queries: start-up, health, metrics, the end. */
export interface DatabaseService extends Database {
  /** Looks at the servers over connections of its own. Never rejects; takes at most about a second. */
  probe(): Promise<{ primary: ServerState, replica: ServerState | null }>
  /** @throws {SchemaMismatchError} when the schema is newer than this code can use; connection errors pass through. */
  checkSchema(migrations: Migration[]): Promise<'current' | 'behind'>
  /** Connections in use, idle and waited for, for `db_connections_active`. */
  stats(): { pool: 'primary' | 'replica', active: number, idle: number, waiting: number, max: number }[]
  close(): Promise<void>
}

/** A look that takes longer has found out what it wanted to know. */
const probeTimeoutMs = 1_000

const noMetrics: RouterMetrics = { served() {}, retried() {}, replayed() {} }

/** Opens the pools; connects to nothing yet, so that it works with the database away. */
export function openDatabase({ primaryUrl, replicaUrl, maxConnections, log, metrics = noMetrics }: DatabaseOptions): DatabaseService {
  const separateReplica = replicaUrl !== null && replicaUrl !== primaryUrl
  const primary = openPool({ name: 'primary', connectionString: primaryUrl, maxConnections, log })
  const replica = separateReplica ? openPool({ name: 'replica', connectionString: replicaUrl, maxConnections, log }) : null
  const primaryProbe = createProbe(primaryUrl, probeTimeoutMs)
  const replicaProbe = separateReplica ? createProbe(replicaUrl, probeTimeoutMs) : null
  const pools = [primary, ...replica ? [replica] : []]
  return {
    ...createRouter({ primary, replica, metrics, log }),
    async probe() {
      const [primaryState, replicaState] = await Promise.all([primaryProbe.run(), replicaProbe?.run() ?? null])
      return { primary: primaryState, replica: replicaState }
    },
    async checkSchema(migrations) {
      const { client, release } = await primary.acquire()
      try {
        return await checkSchema(sql => client.query(sql), migrations)
      }
      finally {
        release(false)
      }
    },
    stats: () => pools.map(pool => ({ pool: pool.name, ...pool.stats() })),
    async close() {
      primaryProbe.close()
      replicaProbe?.close()
      await Promise.all(pools.map(pool => pool.close()))
    },
  }
}
