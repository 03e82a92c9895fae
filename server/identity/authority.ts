import { and, eq } from 'drizzle-orm'
import type { Database, Queries, Transaction } from '#server/database/port.ts'
import { memberships, organisations } from '#server/database/schema/identity.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { ForbiddenError } from '#shared/errors.ts'
import { may, type Permission, type Role } from '#shared/roles.ts'

/** Whoever acts, and where. */
interface Actor {
  userId: string
  organisationId: string
}

/**
 * The role that the actor has at this moment, read in the transaction that it authorises. What was known when the request came in may be seconds old: it was read from
 * a replica, and the change has waited for a lock or for a failover since.
 * @throws {ForbiddenError} when it does not carry the permission, or the actor is no member any more.
 */
export async function currentRole(tx: Transaction, { userId, organisationId }: Actor, permission: Permission): Promise<Role> {
  const [row] = await tx.select({ role: memberships.role }).from(memberships).where(and(eq(memberships.organisationId, organisationId), eq(memberships.userId, userId)))
  if (!row) throw new ForbiddenError('You are no longer a member of this organisation.')
  if (!may(row.role, permission)) throw new ForbiddenError()
  return row.role
}

/**
 * The same, with the organisation locked until the end of the transaction: for changes of members, roles, invitations, tokens and settings. They happen one after the other,
 * and each sees what the one before has made of the actor's role. Must be the transaction's first lock: what everybody takes first nobody waits for in a circle.
 * @throws {ForbiddenError}
 */
export async function lockAuthority(tx: Transaction, actor: Actor, permission: Permission): Promise<Role> {
  await lockOrganisation(tx, actor.organisationId)
  return currentRole(tx, actor, permission)
}

/** For changes of who belongs to it by somebody who does not yet. */
export async function lockOrganisation(tx: Transaction, organisationId: string): Promise<void> {
  // Not FOR UPDATE: a new vehicle, which looks the organisation's key up, need not wait.
  await tx.select({ id: organisations.id }).from(organisations).where(eq(organisations.id, organisationId)).for('no key update')
}

/**
 * The database, with every change that a member makes authorised anew inside of its own transaction, whatever the change is: no endpoint can forget it. The look at the
 * membership travels with BEGIN and costs no round trip. It takes no lock: a change that has begun counts as made before a demotion that is committed while it is under way. For
 * what must not be so there is `lockAuthority`.
 */
export function withWriteAuthorisation<D extends Database>(database: D): D {
  const inOrganisation = (id: string): Queries => {
    const queries = database.inOrganisation(id)
    return { read: queries.read, write: (fn, options) => queries.write(tx => authorised(tx, id, fn), options) }
  }
  return { ...database, inOrganisation }
}

async function authorised<T>(tx: Transaction, organisationId: string, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  const authority = currentContext()?.authority
  // Devices, jobs, and whoever founds or joins an organisation.
  if (!authority) return fn(tx)
  if (authority.organisationId !== organisationId) throw new Error('A change in another organisation than the one that was authorised')
  const looking = currentRole(tx, authority, authority.permission as Permission)
  const work = fn(tx)
  // What it found is of no interest to whoever may not do it.
  work.catch(() => {})
  await looking
  return work
}
