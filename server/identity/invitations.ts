import { createHash } from 'node:crypto'
import { and, desc, eq, lt } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { recordAudit } from '#server/audit/record.ts'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { invitations, memberships, organisations, users } from '#server/database/schema/identity.ts'
import { recordChange } from '#server/live/changes.ts'
import { currentContext } from '#server/telemetry/context.ts'
import {
  ConflictError,
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  UnauthenticatedError,
} from '#shared/errors.ts'
import { mayManageRole } from '#shared/roles.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'
import type {
  Invitation,
  InvitationAccept,
  InvitationCreate,
  InvitationPreview,
  InvitationWithLink,
} from '#shared/identity.ts'
import { lockAuthority, lockOrganisation } from './authority.ts'
import { rejectGuessablePassword } from './guessable.ts'
import type { Member, SignedInUser } from './member.ts'
import { rejectReservedEmail } from './operators.ts'
import { hashPassword } from './password.ts'
import { revocationsUpTo } from './revocations.ts'
import type { IdentityServices, Origin } from './services.ts'
import { isOpen } from './stranded-invitations.ts'
import { mayDiscloseAccount, throttleAcceptance, throttleInvitations } from './throttle.ts'
import { actAs, beginSession, verifyFounder, throttlingTakenEmail, type StartedSession } from './users.ts'

/**
 * Long enough for a holiday weekend, short enough that a forgotten link does not open the door for months.
 */
const validDays = 7

type Row = typeof invitations.$inferSelect

/** Invitations that can still be accepted, the newest first. */
export async function listInvitations(
  { database }: { database: Database },
  organisationId: string,
  query: PageQuery,
): Promise<Page<Invitation>> {
  const cursor = decodeCursor(query.cursor, 'none')
  const asked = and(eq(invitations.organisationId, organisationId), isOpen())
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx
      .select({ invitation: invitations, invitedBy: users.name, total: countAll(invitations, asked, cursor) })
      .from(invitations)
      .leftJoin(users, eq(users.id, invitations.invitedBy))
      .where(and(asked, cursor ? lt(invitations.id, cursor[1]) : undefined))
      .orderBy(desc(invitations.id))
      .limit(query.limit + 1),
  )
  return toPage(
    rows,
    query,
    row => ['', row.invitation.id],
    row => toInvitation(row.invitation, row.invitedBy),
  )
}

/**
 * Invites somebody by a link, which is mailed where there is a mail server. It is shown once, too: whoever
 * invites may pass it on.
 * @throws {ForbiddenError} for a role that the actor may not give; {ConflictError} for a member.
 */
export async function createInvitation(
  { database, limiter, makeSecret, mail }: IdentityServices,
  actor: Member,
  { language, ...input }: InvitationCreate,
): Promise<InvitationWithLink> {
  const { organisationId } = actor
  await throttleInvitations(limiter, organisationId)
  const token = makeSecret('invitation')
  const invitation = await database.inOrganisation(organisationId).write(async (tx) => {
    if (!mayManageRole(await lockAuthority(tx, actor, 'members:write'), input.role))
      throw new ForbiddenError('Only an owner can invite owners.')
    const [known] = await tx
      .select({ id: memberships.id })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.organisationId, organisationId), eq(users.email, input.email)))
    if (known)
      throw new ConflictError('This person is already a member.', {
        errors: [{ path: 'email', message: 'belongs to a member' }],
      })
    const [row] = await tx
      .insert(invitations)
      .values({
        id: uuidv7(),
        organisationId,
        email: input.email,
        role: input.role,
        tokenHash: hashOf(token),
        invitedBy: actor.userId,
        expiresAt: new Date(Date.now() + validDays * 86_400_000),
      })
      .returning()
    const [organisation] = await tx
      .select({ name: organisations.name })
      .from(organisations)
      .where(eq(organisations.id, organisationId))
    await mail.queue(tx, {
      organisationId,
      recipient: input.email,
      template: 'invitation',
      language,
      data: { organisation: organisation!.name, inviter: actor.name, expires: row!.expiresAt.toISOString() },
      path: `/invitation#${token}`,
    })
    await recordAudit(tx, {
      organisationId,
      action: 'invitation.created',
      subject: { type: 'invitation', id: row!.id, label: input.email },
      after: input,
    })
    await recordChange(tx, organisationId, { type: 'invitation', id: row!.id, change: 'created' })
    return toInvitation(row!, actor.name)
  })
  return { ...invitation, path: `/invitation#${token}`, mailed: mail.sends }
}

/** The link ends at once. @throws {NotFoundError} when it has been accepted, revoked or has run out. */
export async function revokeInvitation(
  { database }: IdentityServices,
  actor: Member,
  id: string,
): Promise<void> {
  const { organisationId } = actor
  await database.inOrganisation(organisationId).write(async (tx) => {
    const mine = await lockAuthority(tx, actor, 'members:write')
    const [row] = await tx
      .update(invitations)
      .set({ revokedAt: new Date() })
      .where(and(eq(invitations.id, id), isOpen()))
      .returning()
    if (!row) throw new NotFoundError('invitation')
    if (!mayManageRole(mine, row.role)) throw new ForbiddenError()
    await recordAudit(tx, {
      organisationId,
      action: 'invitation.revoked',
      subject: { type: 'invitation', id, label: row.email },
      before: { email: row.email, role: row.role },
    })
    await recordChange(tx, organisationId, { type: 'invitation', id, change: 'removed' })
    return {}
  })
}

/**
 * What the holder of a link is shown before accepting. Whether the invited address has an account is told to
 * the holder alone, and to few of them from one network: anybody can make an organisation, and links for it.
 * Past that it is null for everybody there, and the link works all the same.
 * @throws {NotFoundError} for a link that does not hold
 */
export async function lookUpInvitation(
  { database, limiter }: IdentityServices,
  token: string,
  origin: Origin,
): Promise<InvitationPreview> {
  const { invitation, organisationName, holds } = await findByToken({ database }, token)
  if (!holds) throw noSuchLink()
  const [account] = await database.read(tx =>
    tx.select({ id: users.id }).from(users).where(eq(users.email, invitation.email)),
  )
  const exists = account !== undefined
  return {
    organisationName,
    email: invitation.email,
    role: invitation.role,
    expiresAt: invitation.expiresAt.toISOString(),
    accountExists: (await mayDiscloseAccount(limiter, origin.ipAddress, exists)) ? exists : null,
  }
}

/**
 * Joins the organisation: as the signed-in user, whose address must be the invited one, or with a new account
 * for that address. Begins a session; the caller ends the one before. Repeated with its Idempotency-Key
 * (whose scope must be the link, not the caller: accepting makes another caller of whoever does) it gives its
 * first answer.
 * @throws {NotFoundError} for a link that does not hold; {ForbiddenError} for another user; {ConflictError}
 * when the address has an account and nobody is signed in; {InvalidInputError} when a newcomer gives no name
 * or password; {UnauthenticatedError} for a repeat that does not show who it is.
 */
export async function acceptInvitation(
  services: IdentityServices,
  user: SignedInUser | null,
  input: InvitationAccept,
  origin: Origin,
): Promise<StartedSession> {
  await throttleAcceptance(services.limiter, origin.ipAddress)
  const { invitation, organisationName, holds } = await findByToken(services, input.token)
  // What was accepted may have been so by this very request, whose answer was lost: the record of the
  // operation knows.
  if (!holds && !currentContext()?.operation) throw noSuchLink()
  if (user && user.email !== invitation.email)
    throw holds
      ? new ForbiddenError(
          `This invitation is for ${invitation.email}. Sign out first, or sign in with that address.`,
        )
      : noSuchLink()
  if (!holds && !user && input.password === undefined)
    throw new UnauthenticatedError('This invitation has already been accepted. Sign in to continue.')
  const { organisationId } = invitation
  const upTo = user ? await revocationsUpTo(services.database, user.userId) : 0
  const passwordHash = user
    ? null
    : await newcomersPassword(input, { email: invitation.email, organisationName })
  const userId = await throttlingTakenEmail(services.limiter, origin, () =>
    services.database.inOrganisation(organisationId).write(async (tx) => {
      await lockOrganisation(tx, organisationId)
      const [row] = await tx
        .update(invitations)
        .set({ acceptedAt: new Date() })
        .where(and(eq(invitations.id, invitation.id), isOpen()))
        .returning()
      if (!row || !(await mayStillInvite(tx, row))) throw noSuchLink()
      const joining = user ? { id: user.userId, name: user.name } : { id: uuidv7(), name: input.name! }
      if (!user) {
        await tx.insert(users).values({ ...joining, email: invitation.email, passwordHash: passwordHash! })
        rejectReservedEmail(services.config, invitation.email)
      }
      actAs({ userId: joining.id, name: joining.name })
      const membershipId = uuidv7()
      const joined = await tx
        .insert(memberships)
        .values({ id: membershipId, organisationId, userId: joining.id, role: invitation.role })
        .onConflictDoNothing()
        .returning({ id: memberships.id })
      // By another invitation, a moment ago: the role of that one stays.
      if (joined.length === 0) return { id: joining.id }
      await recordAudit(tx, {
        organisationId,
        action: 'member.joined',
        subject: { type: 'member', id: membershipId, label: joining.name },
        after: { email: invitation.email, role: invitation.role },
      })
      await recordChange(tx, organisationId, { type: 'member', id: membershipId, change: 'created' })
      return { id: joining.id }
    }),
  )
  await services.cache.invalidate('organisations', userId.id)
  if (!user) await verifyFounder(services, userId.id, input.password!)
  if (!user && !currentContext()?.replayed)
    await services.accountLog.record({ userId: userId.id, name: input.name!, action: 'account.created' })
  return beginSession(services, { id: userId.id, revocationsUpTo: upTo }, origin, organisationId)
}

/** Whoever invited may have lost the right since, and before that revoked invitations by itself. */
async function mayStillInvite(tx: Transaction, { organisationId, invitedBy, role }: Row): Promise<boolean> {
  if (!invitedBy) return true
  const [inviter] = await tx
    .select({ role: memberships.role })
    .from(memberships)
    .where(and(eq(memberships.organisationId, organisationId), eq(memberships.userId, invitedBy)))
  return inviter !== undefined && mayManageRole(inviter.role, role)
}

async function newcomersPassword(
  { name, password }: InvitationAccept,
  { email, organisationName }: { email: string, organisationName: string },
): Promise<string> {
  const faults = [
    ...(name === undefined ? [{ path: 'name', message: 'is required to create an account' }] : []),
    ...(password === undefined ? [{ path: 'password', message: 'is required to create an account' }] : []),
  ]
  if (faults.length) throw new InvalidInputError(faults)
  rejectGuessablePassword('password', password!, [name!, email, organisationName])
  return hashPassword(password!)
}

/** The invitation of the link, and whether it still holds. */
async function findByToken({ database }: { database: Database }, token: string) {
  const [row] = await database.withKey('invitation', hashOf(token)).read(tx =>
    tx
      .select({ invitation: invitations, organisationName: organisations.name })
      .from(invitations)
      .innerJoin(organisations, eq(organisations.id, invitations.organisationId))
      .where(eq(invitations.tokenHash, hashOf(token))),
  )
  if (!row) throw noSuchLink()
  const { acceptedAt, revokedAt, expiresAt } = row.invitation
  return { ...row, holds: !acceptedAt && !revokedAt && expiresAt > new Date() }
}

function noSuchLink() {
  return new NotFoundError('invitation, or it has expired. Ask for a new link')
}

/** What an Idempotency-Key for accepting belongs to. */
export function acceptanceScope(token: string): string {
  return `invitation:${hashOf(token)}`
}

function toInvitation(row: Row, invitedBy: string | null): Invitation {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    invitedBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
