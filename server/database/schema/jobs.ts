import { bigint, integer, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { JobState } from '#shared/jobs.ts'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** Work that goes on after the answer; see `server/jobs/queue.ts`. */
export const jobs = pgTable('jobs', {
  id: uuid('id').primaryKey(),
  /** Null: the program's own. */
  organisationId: uuid('organisation_id'),
  kind: text('kind').notNull(),
  input: jsonb('input').$type<unknown>().notNull().default({}),
  state: text('state').$type<JobState>().notNull().default('queued'),
  runAt: moment('run_at').notNull().defaultNow(),
  attempts: integer('attempts').notNull().default(0),
  maxAttempts: integer('max_attempts').notNull(),
  lease: uuid('lease'),
  leaseUntil: moment('lease_until'),
  instance: text('instance'),
  progressDone: integer('progress_done'),
  progressTotal: integer('progress_total'),
  result: jsonb('result').$type<unknown>(),
  reason: text('reason'),
  schedule: text('schedule'),
  fileKey: text('file_key'),
  fileName: text('file_name'),
  fileBytes: bigint('file_bytes', { mode: 'number' }),
  fileExpiresAt: moment('file_expires_at'),
  requestedBy: uuid('requested_by'),
  requestedByName: text('requested_by_name'),
  createdAt: moment('created_at').notNull().defaultNow(),
  startedAt: moment('started_at'),
  finishedAt: moment('finished_at'),
})

/** What makes jobs by the clock; see `server/jobs/schedules.ts`. */
export const jobSchedules = pgTable('job_schedules', {
  name: text('name').primaryKey(),
  organisationId: uuid('organisation_id'),
  kind: text('kind').notNull(),
  input: jsonb('input').$type<unknown>().notNull().default({}),
  maxAttempts: integer('max_attempts').notNull(),
  cron: text('cron').notNull(),
  timeZone: text('time_zone').notNull().default('UTC'),
  nextAt: moment('next_at').notNull(),
})
