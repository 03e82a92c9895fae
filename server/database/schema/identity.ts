import { integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { Role } from '#shared/roles.ts'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** People. They belong to no organisation: memberships say where they work. */
export const users = pgTable('users', {
  id: uuid('id').primaryKey(),
  /** Lower case; unique. */
  email: text('email').notNull(),
  name: text('name').notNull(),
  passwordHash: text('password_hash').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

export const organisations = pgTable('organisations', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  timeZone: text('time_zone').notNull().default('UTC'),
  /** How many days are kept; null: for ever. See `server/fleet/retention`. */
  positionsKeptDays: integer('positions_kept_days'),
  positionsThinnedDays: integer('positions_thinned_days'),
  eventsKeptDays: integer('events_kept_days'),
  messagesKeptDays: integer('messages_kept_days'),
  /** A setting that deletes more than the one before waits until then. */
  retentionFrom: moment('retention_from'),
  version: integer('version').notNull().default(1),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

export const memberships = pgTable('memberships', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  userId: uuid('user_id').notNull(),
  role: text('role').$type<Role>().notNull(),
  version: integer('version').notNull().default(1),
  joinedAt: moment('joined_at').notNull().defaultNow(),
})

export const invitations = pgTable('invitations', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  email: text('email').notNull(),
  role: text('role').$type<Role>().notNull(),
  /** SHA-256 of the link's token, in hexadecimal; unique. */
  tokenHash: text('token_hash').notNull(),
  invitedBy: uuid('invited_by'),
  createdAt: moment('created_at').notNull().defaultNow(),
  expiresAt: moment('expires_at').notNull(),
  acceptedAt: moment('accepted_at'),
  revokedAt: moment('revoked_at'),
})

/** What ends sessions before their time; see `server/identity/revocations.ts`. */
export const sessionRevocations = pgTable('session_revocations', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  /** Null: all of the user's that began before `revokedAt`, but for the kept one. */
  sessionId: text('session_id'),
  keptSessionId: text('kept_session_id'),
  revokedAt: moment('revoked_at').notNull(),
  expiresAt: moment('expires_at').notNull(),
})
