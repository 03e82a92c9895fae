import { bigint, customType, integer, pgTable, primaryKey, timestamp } from 'drizzle-orm/pg-core'

const pgLsn = customType<{ data: string }>({ dataType: () => 'pg_lsn' })

/**
 * The timelines on which a primary has been seen: a replica that has replayed the row of one follows it. See
 * `consistency.ts`.
 */
export const timelines = pgTable('timelines', {
  systemIdentifier: bigint('system_identifier', { mode: 'bigint' }).notNull(),
  number: integer('number').notNull(),
  seenAtLsn: pgLsn('seen_at_lsn').notNull(),
  seenAt: timestamp('seen_at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
}, table => [primaryKey({ columns: [table.systemIdentifier, table.number] })])
