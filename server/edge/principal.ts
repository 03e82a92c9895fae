import { getQuery, type H3Event } from 'h3'
import { services } from '#server/lifecycle/services.ts'
import { findMembership, keepMembership, type Membership } from '#server/identity/members.ts'
import { CallerChangedError } from '#server/identity/recent-callers.ts'
import type { Member, SignedInUser } from '#server/identity/member.ts'
import type { Origin } from '#server/identity/services.ts'
import { currentContext, type Assumption } from '#server/telemetry/context.ts'
import type { SessionRecord } from '#server/identity/session-record.ts'
import type { FoundSession } from '#server/identity/sessions.ts'
import { sessionsRefused } from '#server/telemetry/session-metrics.ts'
import {
  ConflictError,
  ForbiddenError,
  InvalidInputError,
  UnauthenticatedError,
  UnavailableError,
} from '#shared/errors.ts'
import { may, type Permission, type Role } from '#shared/roles.ts'
import { Id } from '#shared/schemas/common.ts'
import { isUnsafe, readOperation } from './context.ts'
import { refuseCrossSite } from './csrf.ts'
import { readDeviceCookie, readProofCookie, readSessionCookie, setProofCookie } from './session-cookie.ts'

/** Who asks: a signed-in user with the session. */
export type Caller = SignedInUser & {
  role: Role | null
  membershipId: string | null
  session: SessionRecord
  /** Whether Redis has the session's record. False: it is away, and a sealed proof speaks for the session. */
  confirmed: boolean
}

/** The same as a member of the organisation that the session works in. */
export type CallingMember = Member & Pick<Caller, 'confirmed' | 'session'> & { membershipId: string }

/**
 * Who is signed in, or null. Makes the request's Idempotency-Key that caller's own. `tolerant`: null too when
 * it cannot be known at this moment, for whoever is about to sign in anyway.
 */
export async function optionalUser(event: H3Event, { tolerant = false } = {}): Promise<Caller | null> {
  const { config, sessions, database, cache, recentCallers } = services()
  refuseCrossSite(event, config)
  const secret = readSessionCookie(event, config)
  const session = secret
    ? await sessions.resolve(secret, readProofCookie(event, config)).catch((error: unknown) => {
        if (tolerant && error instanceof UnavailableError) return null
        throw error
      })
    : null
  const record = session?.record
  // A record that Redis has lost is made again only after the primary has said that nobody ended the session.
  const found
    = record
      && (await findMembership(
        { database, cache },
        record.organisationId,
        record.userId,
        record,
        session.vouchedBy === 'proof-alone' ? { consistency: 'strong' } : {},
      ))
  const confirmed = found ? await renewProof(event, secret!, session!) : null
  if (!record || !found || confirmed === null) {
    // Ended in the database while Redis was away: it need not be found there again.
    if (record && session.vouchedBy === 'redis') void sessions.remove(secret!, record).catch(() => {})
    // Nobody's address: a phone that changes its network between two attempts has another one.
    await keyBelongsTo(event, 'anonymous')
    return null
  }
  recentCallers.remember(record.id, found)
  await keyBelongsTo(event, `user:${record.userId}`)
  return callerFrom(record, found, confirmed)
}

/** Makes the session's user the request's principal. */
function callerFrom(record: SessionRecord, found: Membership, confirmed: boolean): Caller {
  const { userId, id: sessionId } = record
  const { name, email, organisationId, role, id: membershipId } = found
  const context = currentContext()
  if (context) context.principal = { kind: 'user', userId, name, organisationId, sessionId }
  return { userId, name, email, sessionId, organisationId, role, membershipId, session: record, confirmed }
}

/**
 * Gives the browser a new proof where it is time. Resolves to whether Redis has the session; null: it was
 * ended there.
 */
async function renewProof(
  event: H3Event,
  secret: string,
  { record, vouchedBy, renew }: FoundSession,
): Promise<boolean | null> {
  const { config, sessions } = services()
  const proof = vouchedBy === 'proof-alone' ? await sessions.restore(secret, record) : renew?.()
  if (proof === null) return null
  if (proof) setProofCookie(event, config, proof, new Date(record.expiresAt).toISOString())
  return vouchedBy !== 'proof'
}

/**
 * For sensitive actions: passwords, members and their roles, invitations, device tokens. They need a session
 * that Redis confirms, because a sealed proof alone could be a copy.
 * @throws {UnavailableError} with words for the person, while Redis is away.
 */
export function refuseUnconfirmed(user: { confirmed?: boolean }): void {
  if (user.confirmed) return
  sessionsRefused.inc()
  throw new UnavailableError(
    'Passwords, members, invitations and device tokens cannot be changed right now, because your session cannot be fully verified. You are still signed in. Try again in a few minutes.',
    { type: 'ask-again-later', retryAfterSeconds: 15 },
  )
}

/** The signed-in user. @throws {UnauthenticatedError} */
export async function requireUser(event: H3Event): Promise<Caller> {
  const user = await optionalUser(event)
  if (!user) throw new UnauthenticatedError()
  return user
}

/**
 * The signed-in user as a member of an organisation who may do this. Every change of the request is
 * authorised by it once more, in its own transaction.
 * @throws {UnauthenticatedError} {ForbiddenError}; {ConflictError} when it was meant for another organisation
 * than the session's.
 */
export async function requireMember(event: H3Event, permission: Permission): Promise<CallingMember> {
  return admitMember(event, await requireUser(event), permission)
}

async function admitMember(
  event: H3Event, user: Caller, permission: Permission, assumption?: Assumption,
): Promise<CallingMember> {
  const { userId, session, organisationId, role, membershipId } = user
  refuseOtherOrganisation(event, user)
  if (!organisationId || !role || !membershipId)
    throw new ForbiddenError(
      'You are not a member of any organisation. Ask for an invitation, or create your own organisation.',
    )
  if (!may(role, permission)) throw new ForbiddenError()
  const context = currentContext()
  if (context) context.authority = { userId, organisationId, permission, session, assumption }
  await keyBelongsTo(event, `user:${userId} organisation:${organisationId}`, organisationId)
  return { ...user, organisationId, role, membershipId }
}

/**
 * Runs `work` for the member that `requireMember` would give, and resolves to what it gives. Whom this
 * instance has just seen is taken for who they were: whether they still are, and their session has not been
 * ended, is asked in the first round trip that the work makes to the database anyway. Where they are not, the
 * work's transaction comes to nothing, and all begins anew with who they are now. What the work answers, or
 * throws, counts only once the assumption has been found good. So it must do nothing before its first
 * transaction that may not be done twice.
 */
export async function asMember<T>(
  event: H3Event, permission: Permission, work: (member: CallingMember) => Promise<T>,
): Promise<T> {
  const { config, sessions, recentCallers, database, cache } = services()
  refuseCrossSite(event, config)
  const secret = readSessionCookie(event, config)
  const session = secret ? await sessions.resolve(secret, readProofCookie(event, config)) : null
  const last = session?.vouchedBy === 'redis'
    ? recentCallers.of(session.record.id, session.record.organisationId)
    : null
  const context = currentContext()
  if (!session || !last || !context) return work(await requireMember(event, permission))

  const { record } = session
  const { organisationId, userId } = record
  const assumption = recentCallers.assume(record.id, last, () => {
    keepMembership(cache, organisationId, userId, record, last)
  })
  /** No transaction of the work has asked: it met a fault before, or no server. */
  const settle = async () => {
    if (!assumption.isOpen()) return
    const found = await findMembership({ database, cache }, organisationId, userId, record)
    assumption.settle(found && { ...found, revoked: false })
  }
  try {
    try {
      const member = await admitMember(event, callerFrom(record, last, true), permission, assumption)
      const value = await work(member)
      await settle()
      await renewProof(event, secret!, session)
      return value
    }
    catch (error) {
      if (!(error instanceof CallerChangedError)) await settle()
      throw error
    }
  }
  catch (error) {
    if (!(error instanceof CallerChangedError)) throw error
    Object.assign(context, { principal: null, authority: null, operation: null, writes: 0 })
    return work(await requireMember(event, permission))
  }
}

const organisationHeader = 'Fleet2-Organisation'

/**
 * A session works in one organisation at a time, and another tab may have changed it, or somebody have taken
 * its user out. Browsers say with each request which one they show; what was meant for one must neither land
 * in another nor be answered from it. A client that does not say it is taken at its session's word, but makes
 * no change after that organisation is gone.
 * @throws {ConflictError}
 */
function refuseOtherOrganisation(event: H3Event, { organisationId, session }: Caller) {
  const meant = meantOrganisation(event)
  if (meant === organisationId) return
  if (
    meant === null
    && (!isUnsafe(event.method)
      || session.organisationId === null
      || session.organisationId === organisationId)
  )
    return
  throw new ConflictError(
    'Your session is now in another organisation, or you are no longer a member of the one that this request was for. Nothing was changed.',
    {
      type: 'organisation-changed',
      errors: [{ path: organisationHeader, message: 'is not the organisation of this session' }],
    },
  )
}

/**
 * The organisation that the request says it is meant for; `EventSource` can send no header and says it in its
 * address. Null: it does not say. @throws {InvalidInputError}
 */
function meantOrganisation(event: H3Event): string | null {
  const said
    = event.node.req.headers[organisationHeader.toLowerCase()]
      ?? (event.path.startsWith('/api/events') ? getQuery(event).organisation : undefined)
  if (said === undefined) return null
  const { success, data } = Id.safeParse(said)
  if (!success)
    throw new InvalidInputError([{ path: organisationHeader, message: 'must be the id of an organisation' }])
  return data
}

/** Where the request comes from, as it is kept with a session. */
export function originOf(event: H3Event): Origin {
  return {
    ipAddress: currentContext()?.ipAddress ?? '',
    userAgent: event.node.req.headers['user-agent']?.slice(0, 300) ?? '',
    deviceCookie: readDeviceCookie(event, services().config),
  }
}

/**
 * Whose the request's Idempotency-Key is: the same key of somebody else, or of the same person in another
 * organisation, is another one. Called again by what makes another caller of whoever asks (signing up,
 * accepting an invitation): its repeat comes with other cookies.
 */
export async function keyBelongsTo(
  event: H3Event,
  scope: string,
  organisationId: string | null = null,
): Promise<void> {
  const context = currentContext()
  if (context)
    context.operation = await readOperation(
      event,
      { scope, organisationId },
      services().config.sessionPasswords[0],
    )
}
