import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { openDatabase } from '../../../server/database/open.ts'
import { momentIn, runInContext, type RequestContext } from '../../../server/telemetry/context.ts'
import { limits, type Contestant } from './contestant.ts'

/**
 * Fleet2's router, with requests as its edge makes them: a deadline, an Idempotency-Key, and the consistency
 * token that a browser's cookie carries.
 */
export const fleet2: Contestant = {
  name: 'Fleet2',
  packages: [],
  async open({ writeUrl, readUrl }) {
    const database = openDatabase({
      primaryUrl: writeUrl,
      replicaUrl: readUrl,
      maxConnections: limits.connections,
      log: pino({ level: 'silent' }),
    })
    const tokens = new Map<number, string | null>()
    async function request<T>(client: number, key: string | null, work: () => Promise<T>) {
      const context: RequestContext = {
        requestId: randomUUID(),
        deadline: momentIn(limits.queryMs),
        ipAddress: null,
        userAgent: null,
        principal: null,
        operation: key === null ? null : { scope: String(client), key, fingerprint: '' },
        writes: 0,
        consistencyToken: tokens.get(client) ?? null,
        replayed: false,
        staleSeconds: null,
      }
      try {
        return { value: await runInContext(context, work), context }
      }
      finally {
        tokens.set(client, context.consistencyToken)
      }
    }
    return {
      async write(client, n, key) {
        await request(client, key, () => database.write(async (tx) => {
          await tx.execute(sql`INSERT INTO peer_entries (client, n) VALUES (${client}, ${n})`)
          await tx.execute(sql`UPDATE peer_counters SET last = ${n} WHERE client = ${client}`)
          return {}
        }))
      },
      async read(client) {
        const { value, context } = await request(client, null, () =>
          database.read(tx =>
            tx.execute<{ last: number }>(sql`SELECT last FROM peer_counters WHERE client = ${client}`),
          ),
        )
        return { last: value.rows[0]!.last, stale: context.staleSeconds !== null }
      },
      close: () => database.close(),
    }
  },
}
