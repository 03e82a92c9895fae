import type { ChildProcess } from 'node:child_process'
import { appendFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../ports.ts'
import { until } from '../until.ts'
import { signalTree, type Account } from './processes.ts'

/** One PostgreSQL server of the cluster: its folder, its process, and what can befall them. */
export interface PostgresNode {
  name: string
  port: number
  /** The superuser's URL, straight to this server. */
  ownerUrl(database?: string): string
  /** Runs SQL as the superuser, past everything else; gives up after 10 s. */
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    values?: unknown[],
    database?: string,
  ): Promise<Row[]>
  isRunning(): boolean
  start(): Promise<void>
  /** SIGTERM waits for sessions; this is the fast shutdown, a clean one. */
  stop(): Promise<void>
  /** kill -9 of the postmaster and all its children, as if the machine had died. */
  kill(): Promise<void>
  /** SIGSTOP of all its processes: it keeps its connections and answers nothing. */
  freeze(): void
  thaw(): void
  /** Whom it follows; null: nobody any more (its WAL receiver has ended when this resolves). */
  follow(primary: PostgresNode | null): Promise<void>
  /**
   * `synchronous_standby_names` becomes `ANY 1 (names)`; with none, it stays unsatisfiable only if `names`
   * holds one that is away.
   */
  setSynchronous(names: string[]): Promise<void>
  promote(): Promise<void>
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  /**
   * Makes it a replica of `primary` again: by pg_rewind, or by a fresh base backup where that does not do.
   * Started afterwards.
   */
  rejoin(primary: PostgresNode, how?: 'rewind' | 'basebackup'): Promise<'rewind' | 'basebackup'>
  /** A copy of this stopped server's data as another's, which will start as a standby. */
  copyTo(other: PostgresNode): Promise<void>
  /** Makes the data folder. */
  init(): Promise<void>
  log(): Promise<string>
}

export interface NodeOptions {
  name: string
  folder: string
  bin: string
  account: Account
  /** Settings of postgresql.conf over the cluster's own. */
  more?: Record<string, string | number>
  /** Passwords of the superuser `fleet`, which replicates too. */
  ownerPassword: string
}

const connectTimeoutMs = 10_000

/**
 * fsync is off: the faults here are of processes, and the page cache outlives any kill -9. Only a machine
 * that loses its power would lose what was not synced, and no test here plays that. full_page_writes stays
 * on, because pg_rewind asks for it.
 */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'on',
  wal_level: 'replica',
  hot_standby: 'on',
  wal_log_hints: 'on',
  // In place of slots: a replica that was away finds what it missed, and a test is never long enough to pass
  // it.
  wal_keep_size: '512MB',
  max_wal_senders: 10,
  max_connections: 200,
  // In the data folder, which goes with the cluster: a kill -9 leaves what lies in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '32MB',
  timezone: 'UTC',
  // As in the deployment's Patroni.
  wal_sender_timeout: '3s',
  wal_receiver_timeout: '5s',
  recovery_target_timeline: 'latest',
  // The default of 5 s would make each rejoin last that long.
  wal_retrieve_retry_interval: '200ms',
  wal_receiver_status_interval: '1s',
  log_min_messages: 'warning',
  logging_collector: 'off',
}

export async function createNode({
  name,
  folder,
  bin,
  account,
  ownerPassword,
  more = {},
}: NodeOptions): Promise<PostgresNode> {
  const data = join(folder, name)
  const logFile = join(folder, `${name}.log`)
  const port = await freePort()
  const ownerUrl = (database = 'fleet') => `postgresql://fleet:${ownerPassword}@127.0.0.1:${port}/${database}`
  let child: ChildProcess | null = null
  let following: PostgresNode | null = null
  let synchronous: string[] = []

  /** Kept between queries, because a login costs more than most of them (SCRAM is slow on purpose). */
  const clients = new Map<string, pg.Client>()

  function forget(database: string, client: pg.Client) {
    if (clients.get(database) === client) clients.delete(database)
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }

  async function connected(database: string): Promise<pg.Client> {
    const known = clients.get(database)
    if (known) return known
    const client = new pg.Client({
      connectionString: ownerUrl(database),
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: connectTimeoutMs,
    })
    client.on('error', () => forget(database, client))
    client.on('end', () => forget(database, client))
    await client.connect()
    clients.set(database, client)
    return client
  }

  async function query<Row extends object>(
    sql: string,
    values?: unknown[],
    database = 'postgres',
  ): Promise<Row[]> {
    const client = await connected(database)
    try {
      return (await client.query(sql, values)).rows as Row[]
    }
    catch (error) {
      forget(database, client)
      throw error
    }
  }

  /** All that changes in the cluster's life, in one file that postgresql.conf includes. */
  async function writeSettings() {
    const conninfo = following
      ? `host=127.0.0.1 port=${following.port} user=fleet password=${ownerPassword} application_name=${name}`
      : ''
    const names = synchronous.length ? `ANY 1 (${synchronous.join(', ')})` : ''
    const all = { ...settings, ...more, port, primary_conninfo: conninfo, synchronous_standby_names: names }
    const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'`)
    await account.write(join(data, 'cluster.conf'), `${lines.join('\n')}\n`)
  }

  async function reload() {
    await writeSettings()
    if (node.isRunning()) await query('SELECT pg_reload_conf()')
  }

  async function gone(signal: () => void) {
    for (const [database, client] of clients) forget(database, client)
    const dying = child
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return
    const exited = new Promise(resolve => dying.once('exit', resolve))
    signal()
    await exited
  }

  const conninfo = (of: PostgresNode) =>
    `host=127.0.0.1 port=${of.port} user=fleet password=${ownerPassword} dbname=postgres`

  const node: PostgresNode = {
    name,
    port,
    ownerUrl,
    query,
    isRunning: () => child !== null && child.exitCode === null && child.signalCode === null,
    async init() {
      const passwordFile = join(folder, `${name}.password`)
      await account.write(passwordFile, ownerPassword)
      await account.run(join(bin, 'initdb'), [
        '-D',
        data,
        '-U',
        'fleet',
        '--auth-host=scram-sha-256',
        '--auth-local=trust',
        `--pwfile=${passwordFile}`,
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
        '--no-instructions',
        '--no-sync',
      ])
      await appendFile(join(data, 'postgresql.conf'), 'include \'cluster.conf\'\n')
      await writeSettings()
    },
    async start() {
      await writeSettings()
      const current = account.spawn(join(bin, 'postgres'), ['-D', data])
      child = current
      const keep = (text: Buffer) => void appendFile(logFile, text).catch(() => {})
      current.stderr!.on('data', keep)
      current.stdout!.on('data', keep)
      await until(async () => {
        if (current.exitCode !== null || current.signalCode !== null)
          throw new Error(`PostgreSQL ${name} did not start: ${await node.log()}`)
        return query('SELECT 1').then(
          () => true,
          () => false,
        )
      }, `PostgreSQL ${name} to answer`)
    },
    stop: () =>
      gone(() => {
        node.thaw()
        child!.kill('SIGINT')
      }),
    kill: () => gone(() => signalTree(child!.pid!, 'SIGKILL')),
    freeze() {
      if (node.isRunning()) signalTree(child!.pid!, 'SIGSTOP')
    },
    thaw() {
      if (node.isRunning()) signalTree(child!.pid!, 'SIGCONT')
    },
    async follow(primary) {
      following = primary
      await reload()
      if (!primary && node.isRunning())
        await until(
          async () => (await query('SELECT 1 FROM pg_stat_wal_receiver')).length === 0,
          `${name} to stop receiving`,
        )
    },
    async setSynchronous(names) {
      synchronous = names
      await reload()
    },
    async promote() {
      await query('SELECT pg_promote(true, 20)')
      await until(
        async () => !(await query<{ r: boolean }>('SELECT pg_is_in_recovery() AS r'))[0]!.r,
        `${name} to be primary`,
      )
      following = null
      await writeSettings()
    },
    pauseReplay: async () => void (await query('SELECT pg_wal_replay_pause()')),
    async resumeReplay() {
      await query('SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery()')
    },
    async rejoin(primary, how = 'rewind') {
      await node.kill()
      let done: 'rewind' | 'basebackup' = 'basebackup'
      if (how === 'rewind') {
        try {
          // Until its first checkpoint the new primary's control file names the old timeline, and pg_rewind
          // would find nothing to do.
          await primary.query('CHECKPOINT')
          // It makes a crashed server's recovery itself, and needs our settings for that.
          await account.run(join(bin, 'pg_rewind'), [
            '--no-sync',
            `--target-pgdata=${data}`,
            `--source-server=${conninfo(primary)}`,
          ])
          done = 'rewind'
        }
        catch (error) {
          await appendFile(logFile, `pg_rewind: ${error}\n`)
        }
      }
      if (done === 'basebackup') {
        await rm(data, { recursive: true, force: true })
        await account.run(join(bin, 'pg_basebackup'), [
          '-D',
          data,
          '-d',
          conninfo(primary),
          '--checkpoint=fast',
          '--no-sync',
          '--wal-method=stream',
        ])
      }
      await account.write(join(data, 'standby.signal'), '')
      following = primary
      synchronous = []
      await node.start()
      return done
    },
    async copyTo(other) {
      const target = join(folder, other.name)
      await account.run('cp', ['-a', data, target])
      await account.write(join(target, 'standby.signal'), '')
    },
    log: () => readFile(logFile, 'utf8').catch(() => ''),
  }
  return node
}
