import { jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { Language } from '#shared/mail.ts'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** Outgoing mail; see `server/mail/outbox.ts`. */
export const mails = pgTable('mails', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id'),
  recipient: text('recipient').notNull(),
  template: text('template').notNull(),
  language: text('language').$type<Language>().notNull(),
  data: jsonb('data').$type<Record<string, string>>().notNull(),
  sealedPath: text('sealed_path'),
  jobId: uuid('job_id'),
  createdAt: moment('created_at').notNull().defaultNow(),
  sentAt: moment('sent_at'),
})

/** Links by which a forgotten password is set anew; see `server/identity/password-reset.ts`. */
export const passwordResets = pgTable('password_resets', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  tokenHash: text('token_hash').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
  expiresAt: moment('expires_at').notNull(),
  usedAt: moment('used_at'),
})
