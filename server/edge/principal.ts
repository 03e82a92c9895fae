import type { H3Event } from 'h3'
import { services } from '#server/lifecycle/services.ts'
import { findMembership } from '#server/identity/members.ts'
import type { Member, SignedInUser } from '#server/identity/member.ts'
import type { Origin } from '#server/identity/services.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { ForbiddenError, UnauthenticatedError } from '#shared/errors.ts'
import { may, type Permission, type Role } from '#shared/roles.ts'
import { readOperation } from './context.ts'
import { refuseCrossSite } from './csrf.ts'
import { readSessionCookie } from './session-cookie.ts'

type Caller = SignedInUser & { role: Role | null }

/** Who is signed in, or null. Makes the request's Idempotency-Key that caller's own. */
export async function optionalUser(event: H3Event): Promise<Caller | null> {
  const { config, sessions, database, cache } = services()
  refuseCrossSite(event, config)
  const secret = readSessionCookie(event, config)
  const record = secret ? await sessions.find(secret) : null
  const found = record && await findMembership({ database, cache }, record.organisationId, record.userId)
  if (!record || !found) {
    // Nobody's address: a phone that changes its network between two attempts has another one.
    await adoptOperation(event, 'anonymous')
    return null
  }
  const context = currentContext()
  if (context) context.principal = { kind: 'user', userId: record.userId, name: found.name, organisationId: found.organisationId, sessionId: record.id }
  await adoptOperation(event, `user:${record.userId}`)
  return { userId: record.userId, name: found.name, email: found.email, sessionId: record.id, organisationId: found.organisationId, role: found.role }
}

/** The signed-in user. @throws {UnauthenticatedError} */
export async function requireUser(event: H3Event): Promise<Caller> {
  const user = await optionalUser(event)
  if (!user) throw new UnauthenticatedError()
  return user
}

/** The signed-in user as a member of an organisation who may do this. @throws {UnauthenticatedError} {ForbiddenError} */
export async function requireMember(event: H3Event, permission: Permission): Promise<Member> {
  const user = await requireUser(event)
  const { organisationId, role } = user
  if (!organisationId || !role) throw new ForbiddenError('You belong to no organisation. Ask for an invitation, or make an organisation of your own.')
  if (!may(role, permission)) throw new ForbiddenError()
  return { ...user, organisationId, role }
}

/** Where the request comes from, as it is kept with a session. */
export function originOf(event: H3Event): Origin {
  return { ipAddress: currentContext()?.ipAddress ?? '', userAgent: event.node.req.headers['user-agent']?.slice(0, 300) ?? '' }
}

async function adoptOperation(event: H3Event, scope: string) {
  const context = currentContext()
  if (context) context.operation = await readOperation(event, scope, services().config.sessionPasswords[0])
}
