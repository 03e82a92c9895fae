import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { until } from './until.ts'
import { createNode, type PostgresNode } from './cluster/node.ts'
import { createPgBouncer, type PgBouncer } from './cluster/pgbouncer.ts'
import { serverAccount } from './cluster/processes.ts'
import { createWire, type Wire } from './cluster/wire.ts'

/**
 * How the old primary ends in a failover.
 * - `kill`: kill -9 of all its processes. - `freeze`: SIGSTOP; it may be thawed later and still thinks that
 *   it is the primary.
 * - `alive`: cut off from its standbys and left running: it takes connections, and its commits wait for ever.
 * - `switchover`: a clean shutdown, and it comes back as a replica at once.
 */
export type Fencing = 'kill' | 'freeze' | 'alive' | 'switchover'

/**
 * Three real PostgreSQL servers with synchronous streaming replication behind PgBouncer:
 *
 *     program ── wires.write ──┐            ┌── balancer.write ── the primary
 *                              ├─ PgBouncer ┤
 *     program ── wires.read  ──┘            └── balancer.read ── the replicas, in turn
 */
export interface Cluster {
  /** The serving role's URLs through PgBouncer. */
  writeUrl: string
  readUrl: string
  /** The same past PgBouncer, straight to the balancer. */
  direct: { writeUrl: string, readUrl: string }
  /** Straight to PgBouncer, past the wires. */
  pgbouncerUrls: { write: string, read: string }
  /** The serving role's URL past everything, straight to one server. */
  servingUrl(node: PostgresNode): string
  /** Straight to the present primary as the superuser. */
  ownerUrl(): string
  /** Between the program and PgBouncer. */
  wires: { write: Wire, read: Wire }
  /** Between PgBouncer and the servers, in HAProxy's place. */
  balancer: { write: Wire, read: Wire }
  pgbouncer: PgBouncer
  /** PgBouncer's server connections to each of the two databases. */
  poolSize: number
  nodes: PostgresNode[]
  primary(): PostgresNode
  /** The present replicas that follow the primary, whether or not they are well. */
  replicas(): PostgresNode[]
  /** Runs SQL as the superuser in the database `fleet` of one server. */
  ask<Row extends object = Record<string, unknown>>(
    node: PostgresNode,
    sql: string,
    values?: unknown[],
  ): Promise<Row[]>
  /** The same on the present primary. */
  asOwner<Row extends object = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>
  /**
   * What Patroni does: ends the old primary's reign, cuts the replicas off from it, promotes the one with the
   * most WAL and lets the other follow it. Needs an answer of every synchronous standby: any of them could
   * hold the last acknowledged commit. `repoint: false` leaves the balancer where it was.
   */
  failover(options?: {
    old?: Fencing
    repoint?: boolean
  }): Promise<{ old: PostgresNode, primary: PostgresNode }>
  /**
   * The balancer sends to whoever is what now. `also`: and takes this one for a primary too, in turn with the
   * real one.
   */
  repoint(options?: { cut?: boolean, also?: PostgresNode }): void
  /**
   * Takes a replica out of the set of synchronous standbys and of the balancer, once the others have all that
   * was acknowledged. Do it before you hurt one and want writes to go on.
   */
  detach(replica: PostgresNode): Promise<void>
  /** Makes a server that is down, frozen, left behind or detached a replica of the present primary again. */
  rejoin(node: PostgresNode, how?: 'rewind' | 'basebackup'): Promise<void>
  /**
   * Undoes every fault: wires, freezes, paused replay; all servers are up, in step and synchronous when this
   * resolves.
   */
  heal(): Promise<void>
  /** Until every replica has replayed what the primary has written. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

export interface ClusterOptions {
  /** PgBouncer's server connections to each of the two databases. */
  poolSize?: number
  /**
   * PgBouncer goes straight to the first primary and the first replica, for measurements: the balancer runs
   * in this process. No failover then.
   */
  pastBalancer?: boolean
}

const migrationsFolder = fileURLToPath(new URL('../../server/database/migrations', import.meta.url))

/**
 * Starts it with the schema migrated, in two to three seconds. Stop it in `afterAll`; if this process dies
 * first, the servers die with it.
 */
export async function startCluster({
  poolSize = 20,
  pastBalancer = false,
}: ClusterOptions = {}): Promise<Cluster> {
  const account = await serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-cluster-'))
  await account.own(folder)
  const removeFolder = () => rmSync(folder, { recursive: true, force: true })
  // A run that is ended by a signal leaves nothing behind either: its exit takes the servers and the folder
  // with it.
  const leave = () => process.exit(1)
  process.once('exit', removeFolder)
  process.once('SIGINT', leave)
  process.once('SIGTERM', leave)
  const bin = debianBin()
  const passwords = { fleet: randomBytes(12).toString('hex'), fleet_app: randomBytes(12).toString('hex') }
  const nodes = await Promise.all(
    ['one', 'two', 'three'].map(name =>
      createNode({ name, folder, bin, account, ownerPassword: passwords.fleet }),
    ),
  )
  let primary = nodes[0]!
  /** The synchronous standbys: one of them has every acknowledged commit. */
  let standbys = nodes.slice(1)
  /** Former primaries: they may hold commits that nobody else has, and have to be rewound. */
  const diverged = new Set<PostgresNode>()

  const [balancerWrite, balancerRead] = await Promise.all([
    createWire([primary.port]),
    createWire(standbys.map(node => node.port)),
  ])
  const pgbouncer = await createPgBouncer({
    folder,
    account,
    writePort: pastBalancer ? primary.port : balancerWrite.port,
    readPort: pastBalancer ? standbys[0]!.port : balancerRead.port,
    users: passwords,
    poolSize,
  })
  const [wireWrite, wireRead] = await Promise.all([
    createWire([pgbouncer.port]),
    createWire([pgbouncer.port]),
  ])
  const url = (port: number, database: string) =>
    `postgresql://fleet_app:${passwords.fleet_app}@127.0.0.1:${port}/${database}`

  async function begin() {
    await primary.init()
    await primary.start()
    await primary.query('CREATE DATABASE fleet')
    await migrate({
      ownerUrl: primary.ownerUrl(),
      servingUrl: url(primary.port, 'fleet'),
      migrations: await migrationsFromFolder(migrationsFolder),
    })
    await primary.stop()
    await Promise.all(
      standbys.map(async (node) => {
        await primary.copyTo(node)
        await node.follow(primary)
      }),
    )
    await Promise.all([...nodes.map(node => node.start()), pgbouncer.start()])
    await cluster.caughtUp()
    await setStandbys(standbys)
  }

  async function setStandbys(next: PostgresNode[]) {
    standbys = next
    await primary.setSynchronous(next.map(node => node.name))
  }

  const receivedBytes = async (node: PostgresNode) =>
    Number(
      (
        await node.query<{ at: string }>(
          `SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0' AS at`,
        )
      )[0]!.at,
    )

  /** Until these replicas have written (`flush`) or replayed all that the primary has. */
  async function inStep(replicas: PostgresNode[], column: 'flush_lsn' | 'replay_lsn', limitMs = 30_000) {
    const [{ at }] = (await primary.query<{ at: string }>('SELECT pg_current_wal_lsn() AS at')) as [
      { at: string },
    ]
    await until(
      async () => {
        const rows = await primary.query<{ name: string }>(
          `SELECT application_name AS name FROM pg_stat_replication WHERE state = 'streaming' AND ${column} >= $1::pg_lsn`,
          [at],
        )
        return replicas.every(node => rows.some(row => row.name === node.name))
      },
      `${replicas.map(node => node.name)} to be in step with ${primary.name}`,
      limitMs,
    )
  }

  const cluster: Cluster = {
    writeUrl: url(wireWrite.port, 'fleet'),
    readUrl: url(wireRead.port, 'fleet_read'),
    direct: { writeUrl: url(balancerWrite.port, 'fleet'), readUrl: url(balancerRead.port, 'fleet') },
    pgbouncerUrls: { write: url(pgbouncer.port, 'fleet'), read: url(pgbouncer.port, 'fleet_read') },
    servingUrl: node => url(node.port, 'fleet'),
    ownerUrl: () => primary.ownerUrl(),
    wires: { write: wireWrite, read: wireRead },
    balancer: { write: balancerWrite, read: balancerRead },
    pgbouncer,
    poolSize,
    nodes,
    primary: () => primary,
    replicas: () => standbys,
    ask: (node, sql, values) => node.query(sql, values, 'fleet'),
    asOwner: (sql, values) => primary.query(sql, values, 'fleet'),
    async failover({ old: fencing = 'kill', repoint = true } = {}) {
      const old = primary
      const candidates = standbys
      if (!candidates.length) throw new Error('There is no synchronous standby to promote')
      if (fencing === 'kill') await old.kill()
      if (fencing === 'freeze') old.freeze()
      if (fencing === 'switchover') await old.stop()
      // From here on the old one can have no commit acknowledged, so that the comparison below stays true.
      await Promise.all(candidates.map(node => node.follow(null)))
      const positions = await Promise.all(candidates.map(receivedBytes))
      primary = candidates[positions.indexOf(Math.max(...positions))]!
      const others = candidates.filter(node => node !== primary)
      // Set while it is a replica still: there is no moment in which it would acknowledge alone.
      await primary.setSynchronous(others.length ? others.map(node => node.name) : [old.name])
      await primary.promote()
      await Promise.all(others.map(node => node.follow(primary)))
      standbys = others
      diverged.add(old)
      if (repoint) cluster.repoint()
      if (fencing === 'switchover') {
        await cluster.rejoin(old)
        if (repoint) cluster.repoint()
      }
      return { old, primary }
    },
    repoint({ also, ...options } = {}) {
      balancerWrite.pointTo(
        [primary, ...(also ? [also] : [])].map(node => node.port),
        options,
      )
      balancerRead.pointTo(
        standbys.map(node => node.port),
        options,
      )
    },
    async detach(replica) {
      const rest = standbys.filter(node => node !== replica)
      if (!rest.length) throw new Error('The last synchronous standby cannot be detached')
      await setStandbys(rest)
      await inStep(rest, 'flush_lsn')
      balancerRead.pointTo(rest.map(node => node.port))
    },
    async rejoin(node, how) {
      if (diverged.has(node) || how) {
        await node.rejoin(primary, how)
      }
      else {
        await node.follow(primary)
        if (node.isRunning()) node.thaw()
        else await node.start()
      }
      // One that was away may hold a little more than the server that was promoted meanwhile, and cannot
      // follow it then.
      await inStep([node], 'flush_lsn', 5_000).catch(async () => {
        await node.rejoin(primary, 'basebackup')
        await inStep([node], 'flush_lsn')
      })
      diverged.delete(node)
      await setStandbys([...standbys.filter(other => other !== node), node])
    },
    async heal() {
      for (const wire of [wireWrite, wireRead, balancerWrite, balancerRead]) wire.accept()
      pgbouncer.thaw()
      for (const node of nodes) if (node === primary || standbys.includes(node)) node.thaw()
      if (!primary.isRunning()) await primary.start()
      for (const node of nodes) {
        if (node === primary) continue
        if (!standbys.includes(node) || !node.isRunning()) await cluster.rejoin(node)
        await node.resumeReplay()
      }
      await cluster.caughtUp()
      cluster.repoint()
    },
    caughtUp: () => inStep(standbys, 'replay_lsn'),
    async stop() {
      // Nothing here is worth a clean shutdown.
      await Promise.all([pgbouncer.kill(), ...nodes.map(node => node.kill())])
      await Promise.all([wireWrite, wireRead, balancerWrite, balancerRead].map(wire => wire.close()))
      process.off('exit', removeFolder)
      process.off('SIGINT', leave)
      process.off('SIGTERM', leave)
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await begin()
  }
  catch (error) {
    const logs = await Promise.all(nodes.map(node => node.log()))
    await cluster.stop()
    throw new Error(`The cluster did not start: ${error}\n${logs.join('\n').slice(-4000)}`, { cause: error })
  }
  return cluster
}

/** The newest of Debian's. @throws when there is none. */
function debianBin(): string {
  const root = '/usr/lib/postgresql'
  const version = existsSync(root)
    ? readdirSync(root)
      .filter(name => existsSync(join(root, name, 'bin/initdb')))
      .sort((a, b) => Number(b) - Number(a))[0]
    : undefined
  if (!version) throw new Error('These tests need Debian\'s postgresql package: npm test installs it')
  return join(root, version, 'bin')
}
