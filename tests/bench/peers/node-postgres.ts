import pg from 'pg'
import { limits, type Contestant } from './contestant.ts'

/**
 * The options that node-postgres documents against hanging, and the listener without which an idle client's
 * error ends the process.
 */
export function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: limits.connections,
    connectionTimeoutMillis: limits.connectMs,
    query_timeout: limits.queryMs,
    keepAlive: true,
  })
  pool.on('error', () => {})
  return pool
}

/** Two pools by hand: writes to one, reads to the other; the transaction as in its guide. */
export const nodePostgres: Contestant = {
  name: 'node-postgres, two pools',
  packages: ['pg'],
  async open({ writeUrl, readUrl }) {
    const primary = openPool(writeUrl)
    const replica = openPool(readUrl)
    return {
      async write(client, n) {
        const connection = await primary.connect()
        try {
          await connection.query('BEGIN')
          await connection.query('INSERT INTO peer_entries (client, n) VALUES ($1, $2)', [client, n])
          await connection.query('UPDATE peer_counters SET last = $2 WHERE client = $1', [client, n])
          await connection.query('COMMIT')
        }
        catch (error) {
          await connection.query('ROLLBACK')
          throw error
        }
        finally {
          connection.release()
        }
      },
      async read(client) {
        const { rows } = await replica.query<{ last: number }>(
          'SELECT last FROM peer_counters WHERE client = $1',
          [client],
        )
        return { last: rows[0]!.last, stale: false }
      },
      close: async () => void await Promise.all([primary.end(), replica.end()]),
    }
  },
}
