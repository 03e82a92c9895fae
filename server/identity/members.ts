import { and, asc, eq, gt, or, sql } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database, ReadOptions, Transaction } from '#server/database/port.ts'
import { memberships, users } from '#server/database/schema/identity.ts'
import { recordChange } from '#server/live/changes.ts'
import type { Cache } from '#server/redis/cache.ts'
import { ConflictError, ForbiddenError, NotFoundError } from '#shared/errors.ts'
import { mayManageRole, type Role } from '#shared/roles.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'
import type { Member as ListedMember } from '#shared/identity.ts'
import { lockAuthority } from './authority.ts'
import { callerExpression, readCaller, type FoundCaller } from './caller.ts'
import type { Member } from './member.ts'
import type { SessionIdentity } from './revocations.ts'
import type { IdentityServices } from './services.ts'
import { revokeInvitationsFor, revokeStrandedInvitations } from './stranded-invitations.ts'

/** The organisation's members by name. */
export async function listMembers(
  { database }: { database: Database },
  organisationId: string,
  query: PageQuery,
): Promise<Page<ListedMember>> {
  const cursor = decodeCursor(query.cursor, 'text')
  const name = sql<string>`lower(${users.name})`
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx
      .select({
        membership: memberships,
        name: users.name,
        email: users.email,
        sortName: name,
        total: countAll(memberships, eq(memberships.organisationId, organisationId), cursor),
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(
          eq(memberships.organisationId, organisationId),
          cursor
            ? or(gt(name, cursor[0]), and(eq(name, cursor[0]), gt(memberships.id, cursor[1])))
            : undefined,
        ),
      )
      .orderBy(asc(name), asc(memberships.id))
      .limit(query.limit + 1),
  )
  return toPage(rows, query, row => [row.sortName, row.membership.id], toMember)
}

/**
 * @throws {ForbiddenError} when the actor may not give or take the role; {ConflictError} when it is the last
 * owner.
 */
export async function changeRole(
  { database, cache }: IdentityServices,
  actor: Member,
  membershipId: string,
  role: Role,
): Promise<ListedMember> {
  const { organisationId } = actor
  const member = await database.inOrganisation(organisationId).write(async (tx) => {
    const mine = await lockAuthority(tx, actor, 'members:write')
    const before = await findMember(tx, organisationId, membershipId)
    if (!mayManageRole(mine, before.membership.role) || !mayManageRole(mine, role))
      throw new ForbiddenError('Only an owner can add or change owners.')
    if (before.membership.role === role) return toMember(before)
    if (before.membership.role === 'owner' && role !== 'owner') await refuseLastOwner(tx)
    const [membership] = await tx
      .update(memberships)
      .set({ role, version: before.membership.version + 1 })
      .where(eq(memberships.id, membershipId))
      .returning()
    await recordAudit(tx, {
      organisationId,
      action: 'member.role-changed',
      subject: { type: 'member', id: membershipId, label: before.name },
      before: { role: before.membership.role },
      after: { role },
    })
    await recordChange(tx, organisationId, { type: 'member', id: membershipId, change: 'updated' })
    await revokeStrandedInvitations(tx, {
      organisationId,
      inviter: { userId: before.membership.userId, name: before.name },
      role,
    })
    return toMember({ ...before, membership: membership! })
  })
  await cache.invalidate('organisations', member.userId)
  return member
}

/**
 * Takes a member out of the organisation; members may take out themselves. It works from the next request on:
 * each one asks for the membership.
 * @throws {ForbiddenError}; {ConflictError} when it is the last owner.
 */
export async function removeMember(
  { database, cache }: IdentityServices,
  actor: Member,
  membershipId: string,
): Promise<void> {
  const { organisationId } = actor
  const { userId } = await database.inOrganisation(organisationId).write(async (tx) => {
    const mine = await lockAuthority(tx, actor, 'vehicles:read')
    const before = await findMember(tx, organisationId, membershipId)
    const leaving = before.membership.userId === actor.userId
    if (!leaving && !mayManageRole(mine, before.membership.role)) throw new ForbiddenError()
    if (before.membership.role === 'owner') await refuseLastOwner(tx)
    await tx.delete(memberships).where(eq(memberships.id, membershipId))
    await recordAudit(tx, {
      organisationId,
      action: leaving ? 'member.left' : 'member.removed',
      subject: { type: 'member', id: membershipId, label: before.name },
      before: { name: before.name, email: before.email, role: before.membership.role },
    })
    await recordChange(tx, organisationId, { type: 'member', id: membershipId, change: 'removed' })
    await revokeStrandedInvitations(tx, {
      organisationId,
      inviter: { userId: before.membership.userId, name: before.name },
      role: null,
    })
    await revokeInvitationsFor(tx, organisationId, before.email)
    return { userId: before.membership.userId }
  })
  await cache.invalidate('organisations', userId)
}

/** Who a session's user is: as a member of its organisation, or, with null for the rest, of none. */
export type Membership = Omit<FoundCaller, 'revoked'>

/**
 * The user's role in the organisation, or null; null too when the session has been revoked. Asked with every
 * request and of the database, so that a change of it takes effect at once, also one that Redis could not be
 * told of. With every database server away it is what it last was for this session: a change of it would be a
 * write. `strong` is not answered so.
 */
export async function findMembership(
  { database, cache }: { database: Database, cache: Cache },
  organisationId: string | null,
  userId: string,
  session: SessionIdentity,
  options: ReadOptions = {},
): Promise<Membership | null> {
  const load = () => loadMembership(database, organisationId, userId, session, options)
  return options.consistency === 'strong'
    ? load()
    : cache.orLastKnown('membership', fallbackKey(organisationId, userId, session), load)
}

/**
 * Keeps what a request has found out of its caller otherwise, for when every database server is away.
 */
export function keepMembership(
  cache: Cache, organisationId: string | null, userId: string, session: SessionIdentity, found: Membership,
): void {
  cache.keep('membership', fallbackKey(organisationId, userId, session), found)
}

function fallbackKey(organisationId: string | null, userId: string, { id }: SessionIdentity): string {
  return `${organisationId ?? 'none'}:${userId}:${id}`
}

async function loadMembership(
  database: Database,
  organisationId: string | null,
  userId: string,
  session: SessionIdentity,
  options: ReadOptions,
): Promise<Membership | null> {
  const expression = callerExpression(organisationId, userId, session)
  const { rows } = await database.read(
    tx => tx.execute<{ caller: string | null }>(sql.raw(`SELECT ${expression} AS caller`)),
    options,
  )
  return membershipOf(readCaller(rows[0]!.caller))
}

/** Null: there is no such user, or the session has been revoked. */
export function membershipOf(caller: FoundCaller | null): Membership | null {
  if (!caller || caller.revoked) return null
  const { revoked: _, ...membership } = caller
  return membership
}

/** Under the organisation's lock: two owners who remove each other at once must not both succeed. */
async function refuseLastOwner(tx: Transaction) {
  const owners = await tx
    .select({ id: memberships.id })
    .from(memberships)
    .where(eq(memberships.role, 'owner'))
  if (owners.length <= 1)
    throw new ConflictError('An organisation needs at least one owner. Make someone else an owner first.')
}

async function findMember(tx: Transaction, organisationId: string, id: string) {
  const [row] = await tx.select({ membership: memberships, name: users.name, email: users.email })
    .from(memberships).innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.organisationId, organisationId), eq(memberships.id, id)))
  if (!row) throw new NotFoundError('member')
  return row
}

function toMember({
  membership,
  name,
  email,
}: {
  membership: typeof memberships.$inferSelect
  name: string
  email: string
}): ListedMember {
  return {
    id: membership.id,
    userId: membership.userId,
    name,
    email,
    role: membership.role,
    joinedAt: membership.joinedAt.toISOString(),
  }
}
