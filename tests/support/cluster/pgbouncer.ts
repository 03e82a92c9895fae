import type { ChildProcess } from 'node:child_process'
import { appendFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../ports.ts'
import { until } from '../until.ts'
import { signalTree, type Account } from './processes.ts'

export interface PgBouncer {
  port: number
  start(): Promise<void>
  kill(): Promise<void>
  restart(): Promise<void>
  freeze(): void
  thaw(): void
  /** On its console: `PAUSE`, `RESUME`. */
  admin(command: string): Promise<void>
}

export interface PgBouncerOptions {
  folder: string
  account: Account
  /** Where the two databases lie: `fleet` (writes) and `fleet_read`. */
  writePort: number
  readPort: number
  users: Record<string, string>
  /** Server connections to each of the two. */
  poolSize: number
  /** Where it listens. Default: a port of its own on 127.0.0.1. */
  at?: { host: string, port: number }
}

/** PgBouncer in transaction mode, with the settings of the deployment. */
export async function createPgBouncer({
  folder,
  account,
  writePort,
  readPort,
  users,
  poolSize,
  at,
}: PgBouncerOptions): Promise<PgBouncer> {
  const host = at?.host ?? '127.0.0.1'
  const port = at?.port ?? (await freePort())
  const usersFile = join(folder, 'pgbouncer-users.txt')
  const configFile = join(folder, 'pgbouncer.ini')
  await account.write(
    usersFile,
    Object.entries(users)
      .map(([name, password]) => `"${name}" "${password}"\n`)
      .join(''),
  )
  await account.write(
    configFile,
    `[databases]
fleet = host=127.0.0.1 port=${writePort} dbname=fleet
fleet_read = host=127.0.0.1 port=${readPort} dbname=fleet
[pgbouncer]
listen_addr = ${host}
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${usersFile}
admin_users = ${Object.keys(users)[0]}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = ${poolSize}
server_tls_sslmode = disable
server_login_retry = 0.5
server_connect_timeout = 1
server_check_delay = 5
query_wait_timeout = 10
client_login_timeout = 10
tcp_keepalive = 1
tcp_keepidle = 5
tcp_keepintvl = 2
tcp_keepcnt = 3
log_connections = 0
log_disconnections = 0
log_pooler_errors = 1
`,
  )
  let child: ChildProcess | null = null
  const isRunning = () => child !== null && child.exitCode === null && child.signalCode === null
  const accepts = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => {
        socket.destroy()
        resolve(true)
      }).on('error', () => resolve(false))
    })
  const pgbouncer: PgBouncer = {
    port,
    async start() {
      const current = account.spawn('pgbouncer', [configFile])
      child = current
      const keep = (text: Buffer) => void appendFile(join(folder, 'pgbouncer.log'), text).catch(() => {})
      current.stderr!.on('data', keep)
      current.stdout!.on('data', keep)
      await until(async () => {
        if (!isRunning()) throw new Error('PgBouncer did not start')
        return accepts()
      }, 'PgBouncer to answer')
    },
    async kill() {
      if (!isRunning()) return
      const dying = child!
      const exited = new Promise(resolve => dying.once('exit', resolve))
      dying.kill('SIGKILL')
      await exited
    },
    async restart() {
      await pgbouncer.kill()
      await pgbouncer.start()
    },
    freeze() {
      if (isRunning()) signalTree(child!.pid!, 'SIGSTOP')
    },
    thaw() {
      if (isRunning()) signalTree(child!.pid!, 'SIGCONT')
    },
    async admin(command) {
      const [user, password] = Object.entries(users)[0]!
      const console = new pg.Client({ host, port, user, password, database: 'pgbouncer' })
      await console.connect()
      await console.query(command)
      await console.end()
    },
  }
  return pgbouncer
}
