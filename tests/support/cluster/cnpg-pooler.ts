import { spawnSync, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { find, objectsOf } from '../../../deploy/kubernetes/objects.ts'
import { isAtLeast } from '../../../tools/compose-command.ts'
import { freePort } from '../ports.ts'
import { until } from '../until.ts'
import type { Account } from './processes.ts'

/** Whom CloudNativePG's PgBouncer asks as for a client's password. */
const authUser = 'cnpg_pooler_pgbouncer'

export interface Pooler {
  port: number
  /** SIGKILL, and again on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/**
 * What the operator does in the database for its poolers, as its documentation tells it. In both databases:
 * PgBouncer before 1.19 knows no `auth_dbname`, and asks in the one that the client names.
 */
export function poolerSql(password: string): { role: string, lookUp: string } {
  return {
    role: `CREATE ROLE ${authUser} LOGIN PASSWORD '${password}'`,
    lookUp: `
      CREATE FUNCTION user_search(uname text) RETURNS TABLE (usename name, passwd text)
        LANGUAGE sql SECURITY DEFINER AS 'SELECT usename, passwd FROM pg_shadow WHERE usename = $1;';
      REVOKE ALL ON FUNCTION user_search(text) FROM public;
      GRANT EXECUTE ON FUNCTION user_search(text) TO ${authUser};`,
  }
}

export interface PoolerOptions {
  /** Which of the two Pooler objects of deploy/kubernetes. */
  type: 'rw' | 'ro'
  /** Where the service leads that it is pointed to: fleet2-db-rw or fleet2-db-ro. */
  servicePort: number
  folder: string
  account: Account
  /** Of the role that it asks for passwords as. */
  password: string
}

/**
 * PgBouncer as CloudNativePG's Pooler starts it, with the parameters that the Pooler object has: one fallback
 * database that leads to one service, transactions, and passwords that are asked of the database itself.
 * Other than there: no TLS between it and the database, and a password in place of a certificate.
 */
export async function startPooler(options: PoolerOptions): Promise<Pooler> {
  const { type, servicePort, folder, account, password } = options
  const port = await freePort()
  const { poolMode, parameters } = find(objectsOf('base'), 'Pooler', `fleet2-pooler-${type}`).spec.pgbouncer
  const file = (name: string) => join(folder, `pooler-${type}.${name}`)
  const [users, hba, ini] = [file('users.txt'), file('hba.conf'), file('ini')]
  await account.write(users, `"${authUser}" "${password}"\n`)
  await account.write(hba, 'host all all 0.0.0.0/0 md5\nhost all all ::/0 md5\n')
  const settings = {
    pool_mode: poolMode as string,
    auth_type: 'hba', auth_hba_file: hba, auth_file: users, auth_user: authUser,
    auth_query: 'SELECT usename, passwd FROM public.user_search($1)',
    ...isAtLeast(pgbouncerVersion(), '1.19.0') ? { auth_dbname: 'postgres' } : {},
    listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '',
    ignore_startup_parameters: 'extra_float_digits,options', log_stats: '0',
    client_tls_sslmode: 'disable', server_tls_sslmode: 'disable',
    ...parameters as Record<string, string>,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const databases = `[databases]\n* = host=127.0.0.1 port=${servicePort}\n`
  await account.write(ini, `${databases}[pgbouncer]\n${lines.join('\n')}\n`)

  let child: ChildProcess | null = null
  async function start() {
    const current = account.spawn('pgbouncer', [ini])
    child = current
    let output = ''
    for (const stream of [current.stdout!, current.stderr!]) stream.on('data', data => output += String(data))
    await until(async () => {
      if (current.exitCode !== null) throw new Error(`PgBouncer did not start: ${output}`)
      return accepts(port)
    }, `the pooler ${type} to answer`)
  }
  async function stop() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child!.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port,
    stop,
    async restart() {
      await stop()
      await start()
    },
  }
}

function pgbouncerVersion(): string {
  const { stdout } = spawnSync('pgbouncer', ['--version'], { encoding: 'utf8' })
  return /PgBouncer (\S+)/.exec(stdout)?.[1] ?? '0'
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}
