import pg from 'pg'
import type { Role } from '#shared/roles.ts'
import type { SessionIdentity } from './revocations.ts'

/** Who a session's user is: as a member of its organisation, and whether the session was ended. */
export interface FoundCaller {
  /** Of the membership; null: in no organisation. */
  id: string | null
  organisationId: string | null
  role: Role | null
  name: string
  email: string
  revoked: boolean
}

/**
 * SQL that says who the caller is, as `readCaller` reads it: migration 8. An expression, so that it can stand
 * beside the settings of any transaction.
 */
export function callerExpression(
  organisationId: string | null,
  userId: string,
  { id, createdAt, revocationsUpTo = createdAt }: SessionIdentity,
): string {
  const literal = (text: string) => pg.escapeLiteral(text)
  const organisation = organisationId === null ? 'NULL' : literal(organisationId)
  const upTo = new Date(revocationsUpTo).toISOString()
  return `session_caller(${literal(userId)}, ${organisation}, ${literal(id)}, ${literal(upTo)})`
}

/** Null: there is no such user. */
export function readCaller(answer: string | null): FoundCaller | null {
  return answer === null ? null : JSON.parse(answer) as FoundCaller
}
