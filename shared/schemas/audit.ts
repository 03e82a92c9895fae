import type { z } from 'zod'
import { Id, Instant, PageQuery } from './common.ts'
import { textLike } from './text.ts'

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

export interface AuditEntry {
  id: string
  at: string
  /** Past tense, `<thing>.<what happened>`: `vehicle.created`, `member.role-changed`. */
  action: string
  actor: { kind: 'user' | 'system', id: string | null, name: string }
  subject: { type: string, id: string, label: string }
  /**
   * The fields that changed, before and after; null where there was nothing. Never a password, hash or token.
   */
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  ipAddress: string | null
  requestId: string | null
}

/** What can happen to an account. */
export const accountActions = [
  'account.created',
  'account.signed-in',
  'account.sign-in-refused',
  'account.signed-out',
  'account.session-ended',
  'account.other-sessions-ended',
  'account.password-changed',
  'account.password-refused',
  'account.renamed',
  'account.organisation-entered',
] as const
export type AccountAction = (typeof accountActions)[number]

/** One row of `GET /api/v1/account-events`: what happened to the person's own account. */
export interface AccountEvent {
  id: string
  at: string
  action: AccountAction
  /** Attempts within the hour that the entry stands for; null where that is of no meaning. */
  attempts: number | null
  ipAddress: string | null
  userAgent: string | null
}
