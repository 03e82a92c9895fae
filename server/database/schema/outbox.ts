import { sql } from 'drizzle-orm'
import { jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** What browsers are to be told, written with the change itself; see `server/live/outbox.ts`. */
export const outbox = pgTable('outbox', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  name: text('name').$type<'changed' | 'positions' | 'resync'>().notNull(),
  /** `changed`: the event; `positions`: `{ vehicleIds }`; `resync`: nothing. */
  data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
  createdAt: timestamp('created_at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
  /** From then on any instance may publish it. */
  dueAt: timestamp('due_at', { withTimezone: true, mode: 'date' })
    .notNull()
    .default(sql`now() + interval '5 seconds'`),
})
