import { z } from 'zod'
import { features } from './features.ts'
import { anyFields, anyText, count, id, moment } from './schemas/answers.ts'
import { Id, Instant, PageQuery } from './schemas/common.ts'
import { textLike } from './schemas/text.ts'

export const AuditQuery = PageQuery.extend({
  /** `vehicle.created`, or the beginning of it: `vehicle`. */
  action: textLike(/^[a-z-]+(\.[a-z-]+)?$/, 'an action such as vehicle.created, or its first part', {
    max: 80,
  }).optional(),
  actorId: Id.optional(),
  subjectId: Id.optional(),
  from: Instant.optional(),
  to: Instant.optional(),
})
export type AuditQuery = z.infer<typeof AuditQuery>

/** One row of `GET /api/v1/audit-entries`. */
export const AuditEntry = z.object({
  id: id(),
  at: moment(),
  action: anyText()
    .describe('Past tense, `<thing>.<what happened>`: `vehicle.created`, `member.role-changed`.'),
  actor: z.object({ kind: z.enum(['user', 'system']), id: id().nullable(), name: anyText() }),
  subject: z.object({ type: anyText(), id: anyText(), label: anyText() }),
  before: anyFields().nullable().describe(
    'The fields that changed, as they were; null where there was nothing. Never a password, hash or token.',
  ),
  after: anyFields().nullable().describe('The same fields as they have been since.'),
  ipAddress: anyText().nullable(),
  requestId: anyText().nullable(),
})
export type AuditEntry = z.infer<typeof AuditEntry>

/** What can happen to an account. */
export type AccountAction = keyof typeof features.accounts.audit
export const accountActions = Object.keys(features.accounts.audit) as AccountAction[]

/** One row of `GET /api/v1/account-events`: what happened to the person's own account. */
export const AccountEvent = z.object({
  id: id(),
  at: moment(),
  action: z.enum(accountActions),
  attempts: count().nullable()
    .describe('Attempts within the hour that the entry stands for; null where that is of no meaning.'),
  ipAddress: anyText().nullable(),
  userAgent: anyText().nullable(),
})
export type AccountEvent = z.infer<typeof AccountEvent>
