import { asc, eq, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { changesNothing, recordAudit } from '#server/audit/record.ts'
import type { Consistency, Database, Transaction } from '#server/database/port.ts'
import { memberships, organisations } from '#server/database/schema/identity.ts'
import { rezoneSchedules } from '#server/jobs/schedules.ts'
import { recordChange } from '#server/live/changes.ts'
import type { Cache } from '#server/redis/cache.ts'
import { withinLimit } from '#server/telemetry/context.ts'
import { InvalidInputError, NotFoundError } from '#shared/errors.ts'
import type { OrganisationCreate, OrganisationSummary, OrganisationUpdate } from '#shared/identity.ts'
import { newRetention } from '#shared/retention.ts'
import { lockAuthority } from './authority.ts'
import type { Member, SignedInUser } from './member.ts'
import type { IdentityServices } from './services.ts'
import { throttleOrganisations } from './throttle.ts'

/** The list is loaded from the primary within this, or from wherever it is to be had. */
const primaryPatienceMs = 1_000

/**
 * The organisations that the user belongs to, by name, with the role in each. What a member may do is not
 * decided by it, but by `findMembership`.
 */
export async function organisationsOf(
  { database, cache }: { database: Database, cache: Cache },
  userId: string,
): Promise<OrganisationSummary[]> {
  const read = (consistency: Consistency) =>
    database
      .withKey('user', userId)
      .read(
        tx =>
          tx
            .select({
              id: organisations.id,
              name: organisations.name,
              timeZone: organisations.timeZone,
              role: memberships.role,
            })
            .from(memberships)
            .innerJoin(organisations, eq(organisations.id, memberships.organisationId))
            .where(eq(memberships.userId, userId))
            .orderBy(asc(organisations.name), asc(organisations.id)),
        { consistency },
      )
  return cache.getOrLoad('organisations', userId, {
    load: () => withinLimit(primaryPatienceMs, () => read('strong')),
    fallback: () => read('session'),
  })
}

/**
 * Makes an organisation that `owner` owns, in the given transaction, which must be one of
 * `inOrganisation(id)`.
 */
export async function insertOrganisation(
  tx: Transaction,
  { id, owner, input }: { id: string, owner: { userId: string, name: string }, input: OrganisationCreate },
): Promise<void> {
  await refuseUnknownZone(tx, input.timeZone)
  await tx.insert(organisations).values({ id, name: input.name, timeZone: input.timeZone, ...newRetention })
  await tx
    .insert(memberships)
    .values({ id: uuidv7(), organisationId: id, userId: owner.userId, role: 'owner' })
  await recordAudit(tx, {
    organisationId: id,
    action: 'organisation.created',
    subject: { type: 'organisation', id, label: input.name },
    after: input,
  })
}

/** A further organisation, owned by the user. @throws {TooManyRequestsError} */
export async function createOrganisation(
  { database, cache, limiter }: IdentityServices, user: SignedInUser, input: OrganisationCreate,
): Promise<OrganisationSummary> {
  await throttleOrganisations(limiter, user.userId)
  const id = uuidv7()
  const organisation = await database.inOrganisation(id).write(async (tx) => {
    await insertOrganisation(tx, { id, owner: user, input })
    return { id, ...input, role: 'owner' as const }
  })
  await cache.invalidate('organisations', user.userId)
  return organisation
}

/** Changes the name or the time zone. @throws {NotFoundError} for any organisation but the member's own. */
export async function updateOrganisation(
  { database, cache }: IdentityServices,
  member: Member,
  id: string,
  input: OrganisationUpdate,
): Promise<OrganisationSummary> {
  if (id !== member.organisationId) throw new NotFoundError('organisation')
  const { userIds, ...changed } = await database.inOrganisation(id).write(async (tx) => {
    const role = await lockAuthority(tx, member, 'organisation:write')
    const [before] = await tx.select().from(organisations).where(eq(organisations.id, id))
    if (!before) throw new NotFoundError('organisation')
    const fields = ({ name, timeZone }: typeof before) => ({ name, timeZone })
    if (changesNothing(before, input)) return { id, ...fields(before), role, userIds: [] }
    await refuseUnknownZone(tx, input.timeZone)
    const [after] = await tx
      .update(organisations)
      .set({ ...input, version: before.version + 1, updatedAt: new Date() })
      .where(eq(organisations.id, id))
      .returning()
    if (after!.timeZone !== before.timeZone) await rezoneSchedules(tx, id, after!.timeZone)
    await recordAudit(tx, {
      organisationId: id,
      action: 'organisation.updated',
      subject: { type: 'organisation', id, label: after!.name },
      before: fields(before),
      after: fields(after!),
    })
    await recordChange(tx, id, { type: 'organisation', id, change: 'updated' })
    const members = await tx
      .select({ userId: memberships.userId })
      .from(memberships)
      .where(eq(memberships.organisationId, id))
    return { id, ...fields(after!), role, userIds: members.map(({ userId }) => userId) }
  })
  await Promise.all(userIds.map(userId => cache.invalidate('organisations', userId)))
  return changed
}

/**
 * The database has a time zone database of its own, perhaps an older one than this program's: reports are cut
 * into days by it. A function that asks is slow (it opens every file), but a change of the zone is rare.
 */
async function refuseUnknownZone(tx: Transaction, timeZone: string | undefined) {
  if (timeZone === undefined || timeZone === 'UTC') return
  const { rows } = await tx.execute(sql`SELECT 1 FROM pg_timezone_names WHERE name = ${timeZone}`)
  if (rows.length === 0)
    throw new InvalidInputError([
      {
        path: 'timeZone',
        message: 'is not known to the database; use another name for the zone, such as Europe/Berlin',
      },
    ])
}
