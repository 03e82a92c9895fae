import type { Logger } from 'pino'
import { noBreaks, type Breaks } from '#server/config/breaks.ts'
import { resolver as sharedResolver, type Resolver } from '#server/telemetry/resolver.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { createAddresses } from './addresses.ts'
import { createCircuit } from './circuit.ts'
import { plainTokens, type TokenCodec } from './consistency.ts'
import { checkSchema } from './migrate.ts'
import type { Migration } from './migrations.ts'
import { createMonitor, type DatabaseState } from './monitor.ts'
import { openPool } from './pool.ts'
import { countOutcomes, type Outcomes } from './outcomes.ts'
import type { Database } from './port.ts'
import { noMetrics, type RouterMetrics } from './router-metrics.ts'
import { createRouter } from './router.ts'
import { createScout } from './scout.ts'
import { createSeen } from './seen.ts'
import { createStandby } from './standby.ts'
import { wrongSettings } from './session-settings.ts'
import { createVisibility } from './visible.ts'

export interface DatabaseOptions {
  primaryUrl: string
  /** Null, or the same as the primary's: all reads go to the primary. */
  replicaUrl: string | null
  /** Most connections of this instance to each of the two. */
  maxConnections: number
  log: Logger
  metrics?: RouterMetrics
  /** How consistency tokens are written for the outside. Default: unsigned, for tests and jobs. */
  tokens?: TokenCodec
  /** A replica further behind is not asked. Default: 30 s, the specification's threshold. */
  lagLimitSeconds?: number
  /** Where changes are made while this region is a standby; null (default): there is no other region. */
  standbyOf?: string | null
  /** Writes that may wait for the primary at once. Default: 500. */
  maxWaitingWrites?: number
  /** How host names become addresses. Default: the process's own look-up. */
  resolver?: Resolver
  /** For tests that show that they can fail. */
  breaks?: Breaks
}

/** The database with what its keeper needs beside the queries: start-up, health, metrics, the end. */
export interface DatabaseService extends Database {
  /** What the monitor found at its last probe: roles, timelines, lag. */
  state(): DatabaseState
  /** The same, once there has been a probe: within about a second of the opening. */
  firstState(): Promise<DatabaseState>
  /** Probes the servers now. Never rejects; takes at most about a second. */
  probe(): Promise<DatabaseState>
  /** The cluster's identifier, once a server has been seen. */
  cluster(): string | null
  /** See `createStandby`. */
  standbyOf(): string | null
  /** Called after each probe of the monitor. */
  onProbe(listener: (state: DatabaseState) => void): void
  /**
   * @throws {SchemaMismatchError} when the schema is newer than this code can use; connection errors pass
   * through.
   */
  checkSchema(migrations: Migration[]): Promise<'current' | 'behind'>
  /**
   * What a session of the primary pool has set otherwise than the program relies on, in words; empty:
   * nothing. Connection errors pass through.
   */
  checkSession(): Promise<string[]>
  /**
   * A session keeps the settings that it began with: none that was opened before this moment is used again.
   */
  renewSessions(): void
  /** How the calls have ended so far. */
  outcomes(): Outcomes
  /**
   * Takes a connection from the pool, asks it something and gives it back. Rejects where that cannot be done
   * within a second.
   */
  tryPool(name: 'primary' | 'replica'): Promise<void>
  /** Connections in use, idle and waited for, for `db_connections_active`. */
  stats(): {
    pool: 'primary' | 'replica'
    active: number
    idle: number
    waiting: number
    parked: number
    leftAddresses: number
    max: number
  }[]
  /** Of the replica pool; null where there is none. */
  circuit(): 'closed' | 'half-open' | 'open' | null
  /** Writes that wait for a connection or a primary at this moment. */
  waitingWrites(): number
  close(): Promise<void>
}

/** The specification's alert threshold for replication lag. */
export const defaultLagLimitSeconds = 30

/**
 * At 2 kB each they are no burden; at the pace of one instance they are worked off within a few seconds of
 * the primary's return.
 */
export const defaultMaxWaitingWrites = 500

/** A probe gives up after 1 s. */
const firstProbeMs = 1_200

/** Whoever waits for a connection this long on a healthy system waits behind others. */
const tryPoolMs = 1_000

/**
 * Opens the pools and begins to watch the servers. Waits for nothing, so that it works with the database
 * away.
 */
export function openDatabase({
  primaryUrl, replicaUrl, maxConnections, log, metrics = noMetrics, tokens = plainTokens,
  lagLimitSeconds = defaultLagLimitSeconds, maxWaitingWrites = defaultMaxWaitingWrites, breaks = noBreaks,
  resolver = sharedResolver, standbyOf = null,
}: DatabaseOptions): DatabaseService {
  const separateReplica = replicaUrl !== null && replicaUrl !== primaryUrl
  const onLost = () => monitor.refreshSoon()
  const addressesOf = (pool: 'primary' | 'replica') =>
    createAddresses({ pool, resolver, log, onLeft: () => metrics.leftAddress(pool) })
  const addresses = { primary: addressesOf('primary'), replica: addressesOf('replica') }
  const ofPool = breaks.has('one-pooler') ? { primary: undefined, replica: undefined } : addresses
  const primary = openPool({
    name: 'primary',
    connectionString: primaryUrl,
    maxConnections,
    log,
    addresses: ofPool.primary,
    onLost,
  })
  const replica = separateReplica
    ? openPool({
        name: 'replica',
        connectionString: replicaUrl,
        maxConnections,
        log,
        addresses: ofPool.replica,
        onLost,
      })
    : null
  // One: its questions are asked one at a time.
  const witness = separateReplica
    ? openPool({
        name: 'replica',
        connectionString: replicaUrl,
        maxConnections: 1,
        log,
        addresses: ofPool.replica,
      })
    : null
  const circuit = createCircuit({
    onChange: state =>
      log[state === 'open' ? 'warn' : 'info'](
        state === 'open'
          ? 'Reads leave the replicas: they fail, or are too late'
          : 'Reads are back on the replicas',
      ),
  })
  const scout = createScout({ primaryUrl, addresses: addresses.primary, monitor: () => monitor, log })
  const monitor = createMonitor({
    primaryUrl, replicaUrl: separateReplica ? replicaUrl : null, log, addresses,
    onNewEpoch(timeline, isFailover) {
      if (!isFailover) return
      metrics.failover()
      log.warn({ timeline }, `A new primary has taken over (timeline ${timeline})`)
      if (breaks.has('no-epoch-check')) return
      beginEpoch()
      scout.epochBegan(timeline)
    },
  })
  const standby = createStandby(standbyOf, monitor)
  const seen = createSeen({ tokens, monitor, metrics, separateReplica })
  const visibility = createVisibility({ witness, monitor, log, breaks })
  const pools = [primary, ...replica ? [replica] : []]
  const beginEpoch = () => [...pools, witness].forEach(pool => pool?.beginEpoch())
  return {
    ...countOutcomes(
      createRouter({
        primary,
        replica,
        circuit,
        monitor,
        seen,
        visibility,
        scout,
        metrics,
        log,
        breaks,
        lagLimitSeconds,
        maxWaiting: maxWaitingWrites,
        standbyOf: standby,
      }),
    ),
    state: monitor.state,
    firstState: () => monitor.ready(firstProbeMs).then(monitor.state),
    probe: monitor.probe,
    cluster: monitor.cluster,
    standbyOf: standby,
    onProbe: monitor.onProbe,
    async checkSchema(migrations) {
      const { client, release } = await primary.acquire()
      try {
        return await checkSchema(sql => client.query(sql), migrations)
      }
      finally {
        release(false)
      }
    },
    async checkSession() {
      const { client, release } = await primary.acquire()
      try {
        return await wrongSettings(sql => client.query(sql))
      }
      finally {
        release(false)
      }
    },
    renewSessions: beginEpoch,
    async tryPool(name) {
      const pool = name === 'primary' ? primary : (replica ?? primary)
      const { client, release } = await pool.acquire({ limitMs: tryPoolMs })
      let callOff = () => {}
      let answered = false
      try {
        await Promise.race([
          client.query('SELECT 1'),
          new Promise<never>((_, reject) => {
            callOff = setActiveTimeout(tryPoolMs, () => reject(new Error(`No answer within ${tryPoolMs} ms`)))
          }),
        ])
        answered = true
      }
      finally {
        callOff()
        release(!answered)
      }
    },
    stats: () =>
      pools.map(pool => ({ pool: pool.name, ...pool.stats(), leftAddresses: addresses[pool.name].left() })),
    circuit: () => replica && circuit.state(),
    async close() {
      monitor.close()
      scout.close()
      for (const one of Object.values(addresses)) one.close()
      await Promise.all([...pools, witness].map(pool => pool?.close()))
    },
  }
}
