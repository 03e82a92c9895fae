import { integer, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { AccountAction } from '#shared/audit.ts'

/** Who did what to what, when, from where. The serving role may add and read, never change or delete. */
export const auditEntries = pgTable('audit_entries', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  at: timestamp('at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
  action: text('action').notNull(),
  actorKind: text('actor_kind').$type<'user' | 'system'>().notNull(),
  actorId: uuid('actor_id'),
  /** As it was at the time: the entry stays readable when the person is gone. */
  actorName: text('actor_name').notNull(),
  subjectType: text('subject_type').notNull(),
  subjectId: uuid('subject_id').notNull(),
  subjectLabel: text('subject_label').notNull(),
  before: jsonb('before').$type<Record<string, unknown>>(),
  after: jsonb('after').$type<Record<string, unknown>>(),
  ipAddress: text('ip_address'),
  requestId: text('request_id'),
})

/** What happened to an account: the person's own log. The serving role may add and read. */
export const accountEvents = pgTable('account_events', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  at: timestamp('at', { withTimezone: true, mode: 'date' }).notNull(),
  action: text('action').$type<AccountAction>().notNull(),
  /** How many attempts within the hour the entry stands for. */
  attempts: integer('attempts'),
  ipAddress: text('ip_address'),
  userAgent: text('user_agent'),
  requestId: text('request_id'),
})
