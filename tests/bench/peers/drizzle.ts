import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigserial, integer, pgTable, withReplicas } from 'drizzle-orm/pg-core'
import type { Contestant } from './contestant.ts'
import { openPool } from './node-postgres.ts'

const entries = pgTable('peer_entries', {
  id: bigserial({ mode: 'number' }).primaryKey(),
  client: integer().notNull(),
  n: integer().notNull(),
})
const counters = pgTable('peer_counters', { client: integer().primaryKey(), last: integer().notNull() })

/** `withReplicas` over node-postgres pools. */
export const drizzleReplicas: Contestant = {
  name: 'drizzle `withReplicas`',
  packages: ['drizzle-orm', 'pg'],
  async open({ writeUrl, readUrl }) {
    const primary = openPool(writeUrl)
    const replica = openPool(readUrl)
    const db = withReplicas(drizzle(primary), [drizzle(replica)])
    return {
      async write(client, n) {
        await db.transaction(async (tx) => {
          await tx.insert(entries).values({ client, n })
          await tx.update(counters).set({ last: n }).where(eq(counters.client, client))
        })
      },
      async read(client) {
        const [row] = await db.select().from(counters).where(eq(counters.client, client))
        return { last: row!.last, stale: false }
      },
      close: async () => void await Promise.all([primary.end(), replica.end()]),
    }
  },
}
