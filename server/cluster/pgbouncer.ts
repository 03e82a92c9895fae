import pg from 'pg'
import { formatHostPort, type HostPort } from '#server/config/host-port.ts'
import type { PoolerView } from '#shared/operations.ts'
import { askEach } from './ask-each.ts'
import type { Port } from './look.ts'

/** PgBouncer's own console is a database of this name. */
const consoleName = 'pgbouncer'

/** A deployment has four; each row is a database and a user. */
const maxRows = 200

type Pool = PoolerView['pools'][number]

/**
 * The rows of `SHOW POOLS`, without the console's own. Versions differ in their columns: what is not there is
 * 0.
 */
export function parsePools(rows: readonly Record<string, unknown>[]): Pool[] {
  return rows.filter(({ database }) => database !== consoleName).slice(0, maxRows).map((row) => {
    const number = (name: string) => Number(row[name] ?? 0)
    return {
      database: String(row.database),
      user: String(row.user),
      clientsActive: number('cl_active'),
      clientsWaiting: number('cl_waiting'),
      serversActive: number('sv_active'),
      serversIdle: number('sv_idle') + number('sv_used') + number('sv_tested'),
      maxWaitSeconds: number('maxwait') + number('maxwait_us') / 1e6,
      mode: String(row.pool_mode ?? ''),
    }
  })
}

/**
 * PgBouncer's own view of its pools, asked as the serving role: the deployment lists it among the
 * stats_users, so it may look and order nothing.
 * @param databaseUrl whose user and password are shown.
 */
export function pgbouncerByConsole(
  hosts: readonly HostPort[], databaseUrl: string, limitMs: number,
): Port<PoolerView[]> {
  const targets = hosts.map(at => ({ name: formatHostPort(at), at }))
  return {
    source: 'PgBouncer',
    async ask(signal) {
      const show = ({ at }: { at: HostPort }, signal: AbortSignal) => showPools(at, databaseUrl, signal)
      const answers = await askEach(targets, limitMs, show, signal)
      return answers.map(({ name, value, reason }) => ({ name, reason, pools: value ?? [] }))
    },
  }
}

/** A connection of its own, for one question: nothing is held open when nobody looks. */
async function showPools(
  { host, port }: HostPort, databaseUrl: string, signal: AbortSignal,
): Promise<Pool[]> {
  const url = new URL(databaseUrl)
  url.hostname = host.includes(':') ? `[${host}]` : host
  url.port = String(port)
  url.pathname = `/${consoleName}`
  const client = new pg.Client({ connectionString: url.href, application_name: 'fleet2-operations' })
  client.on('error', () => {})
  // Read when it is used: TLS puts another stream in its place. end() would wait for a goodbye.
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  const drop = () => connection.stream.destroy()
  signal.addEventListener('abort', drop, { once: true })
  try {
    signal.throwIfAborted()
    await client.connect()
    const { rows } = await client.query<Record<string, unknown>>('SHOW POOLS')
    return parsePools(rows)
  }
  finally {
    signal.removeEventListener('abort', drop)
    drop()
  }
}
