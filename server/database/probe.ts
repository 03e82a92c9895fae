import pg from 'pg'

/** What one look at a server found. */
export interface ServerState {
  reachable: boolean
  /** `primary` takes writes, `replica` replays them; null: not known. */
  role: 'primary' | 'replica' | null
  latencyMs: number | null
  /** Seconds since the last replayed commit, 0 when all that was received is replayed; null on a primary or when not known. */
  lagSeconds: number | null
  /** In words, without host names or secrets; null when reachable. */
  error: string | null
}

/**
 * Looks at one server over a connection of its own, so that a pool that is full cannot blind it.
 * Never rejects; bounded by `timeoutMs`.
 */
export function createProbe(connectionString: string, timeoutMs: number) {
  let client: pg.Client | null = null
  let busy = false

  function drop() {
    const old = client
    client = null
    if (!old) return
    // end() waits for the server's goodbye; a server that is frozen says none.
    const { stream } = (old as unknown as { connection: { stream: { destroy: () => void } } }).connection
    stream.destroy()
  }

  async function look(): Promise<ServerState> {
    if (!client) {
      const fresh = new pg.Client({ connectionString, connectionTimeoutMillis: timeoutMs, keepAlive: true, application_name: 'fleet2-probe' })
      fresh.on('error', () => {
        if (client === fresh) client = null
      })
      client = fresh
      await fresh.connect()
    }
    const started = performance.now()
    const { rows } = await client.query<{ replica: boolean, lag: number | null }>(`
      SELECT pg_is_in_recovery() AS replica,
        CASE WHEN NOT pg_is_in_recovery() THEN NULL
             WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
             ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 END AS lag`)
    const row = rows[0]!
    return {
      reachable: true,
      role: row.replica ? 'replica' : 'primary',
      latencyMs: Math.round((performance.now() - started) * 10) / 10,
      lagSeconds: row.lag === null ? null : Math.max(0, Math.round(row.lag * 10) / 10),
      error: null,
    }
  }

  return {
    async run(): Promise<ServerState> {
      if (busy) return unreachable('The last look has not ended yet')
      busy = true
      let timer: NodeJS.Timeout | undefined
      try {
        return await Promise.race([
          look(),
          new Promise<never>((_, reject) => {
            timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs)
          }),
        ])
      }
      catch (error) {
        drop()
        return unreachable(inWords(error))
      }
      finally {
        clearTimeout(timer)
        busy = false
      }
    },
    close: drop,
  }
}

function unreachable(error: string): ServerState {
  return { reachable: false, role: null, latencyMs: null, lagSeconds: null, error }
}

/** Reasons that an operator can act on, and no address: they are shown in the health answer. */
function inWords(error: unknown): string {
  const { code = '', message = '' } = error as { code?: string, message?: string }
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'Connection refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Host name not found'
  if (code === '28P01' || code === '28000') return 'Authentication failed'
  if (code === '3D000') return 'There is no such database'
  if (code.startsWith('57P')) return 'The server is starting, stopping or in recovery'
  if (message.startsWith('No answer within') || /timeout/.test(message)) return 'No answer in time'
  return code ? `Failed (${code})` : 'Connection lost'
}
