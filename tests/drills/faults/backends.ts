import pg from 'pg'
import type { Lab } from '../../../lab/types.ts'

const everyMs = 500
const answerMs = 1_000

/**
 * Counts what each PostgreSQL has connected while a drill goes on: a fault that leaves a back end behind with
 * each request that was given up fills the server, and is seen by nobody until it refuses everybody. Over a
 * connection that is kept; a node that does not answer is asked again, anew.
 */
export function watchBackends(lab: Lab): { stop(): { node: string, count: number } | null } {
  let most: { node: string, count: number } | null = null
  let stopped = false
  const clients = new Set<pg.Client>()

  async function watch(node: string) {
    let client: pg.Client | null = null
    while (!stopped) {
      try {
        if (!client) {
          client = new pg.Client({
            connectionString: lab.addresses.postgresUrl(node),
            connectionTimeoutMillis: answerMs,
            query_timeout: answerMs,
            application_name: 'drill-watch',
          })
          client.on('error', () => {})
          clients.add(client)
          await client.connect()
        }
        const {
          rows: [row],
        } = await client.query<{ count: number }>(
          'SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = \'client backend\' AND application_name <> \'drill-watch\'',
        )
        if (row && row.count > (most?.count ?? 0)) most = { node, count: row.count }
      }
      catch {
        // It is what is being hurt.
        const broken = client
        client = null
        if (broken) {
          clients.delete(broken)
          void broken.end().catch(() => {})
        }
      }
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
  }

  if (typeof lab.addresses.postgresUrl === 'function')
    for (const { name } of lab.nodesOf('patroni')) void watch(name)
  return {
    stop() {
      stopped = true
      for (const client of clients) void client.end().catch(() => {})
      return most
    },
  }
}
