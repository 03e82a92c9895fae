import { z } from 'zod'
import { anyText, count, id, moment } from './schemas/answers.ts'
import { PageQuery } from './schemas/common.ts'
import { AuditQuery } from './audit.ts'

/** What can become of a job. `failed`: it is not tried any more, and says why. */
export const jobStates = ['queued', 'running', 'done', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]

/** What people call a job of each kind that they can ask for. */
export const jobNames: Record<string, string> = {
  'audit-export': 'Audit log export', 'mail': 'Email', 'device-replay': 'Device replay',
}

export const JobQuery = PageQuery.extend({ state: z.enum(jobStates).optional() })
export type JobQuery = z.infer<typeof JobQuery>

/** One row of `GET /api/v1/jobs`. */
export const Job = z.object({
  id: id(),
  kind: anyText(),
  state: z.enum(jobStates),
  progress: z.object({ done: count(), total: count().nullable() }).nullable()
    .describe('How far it has come; null: it has not said so. `total` null: it does not know.'),
  attempts: count(),
  maxAttempts: count(),
  reason: anyText().nullable().describe('Why the last attempt failed.'),
  runAt: moment().describe('Not before this moment: when it was asked for, or when it is tried again.'),
  createdAt: moment(),
  startedAt: moment().nullable(),
  finishedAt: moment().nullable(),
  requestedBy: z.object({ id: id(), name: anyText() }).nullable(),
  file: z.object({ name: anyText(), bytes: count(), expiresAt: moment() }).nullable()
    .describe('What it left to be downloaded, from `/api/v1/jobs/{id}/file`, while it is kept.'),
})
export type Job = z.infer<typeof Job>

/** Which entries of the audit log to export: the filters of the list, without its pages. */
export const AuditExportCreate = AuditQuery.omit({ cursor: true, limit: true }).extend({
  format: z.enum(['csv'], 'must be csv'),
})
export type AuditExportCreate = z.infer<typeof AuditExportCreate>
