import { integer, jsonb, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

/**
 * Idempotency records: one for each write transaction, stored with its effect. `scope` is the caller,
 * `sequence` the number of the transaction within the request. `result` is what the transaction gave, so that
 * a repeat gets the same.
 */
export const operations = pgTable('operations', {
  scope: text('scope').notNull(),
  key: text('key').notNull(),
  sequence: integer('sequence').notNull(),
  fingerprint: text('fingerprint').notNull(),
  result: jsonb('result'),
  createdAt: timestamp('created_at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
}, table => [primaryKey({ columns: [table.scope, table.key, table.sequence] })])
