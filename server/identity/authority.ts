import { and, eq } from 'drizzle-orm'
import type { Along, Database, Queries, Transaction } from '#server/database/port.ts'
import { memberships, organisations } from '#server/database/schema/identity.ts'
import { currentContext, type Authority } from '#server/telemetry/context.ts'
import { ForbiddenError } from '#shared/errors.ts'
import { may, type Permission, type Role } from '#shared/roles.ts'
import { callerExpression, readCaller } from './caller.ts'

/** Who acts, and in which organisation. */
interface Actor {
  userId: string
  organisationId: string
}

/**
 * The actor's current role, read in the transaction that it authorises. What was known when the request came
 * in may be seconds old: it was read from a replica, and the change may have waited for a lock or a failover
 * since.
 * @throws {ForbiddenError} if the role lacks the permission, or the actor is no longer a member.
 */
export async function currentRole(
  tx: Transaction,
  { userId, organisationId }: Actor,
  permission: Permission,
): Promise<Role> {
  const [row] = await tx
    .select({ role: memberships.role })
    .from(memberships)
    .where(and(eq(memberships.organisationId, organisationId), eq(memberships.userId, userId)))
  if (!row) throw new ForbiddenError('You are no longer a member of this organisation.')
  if (!may(row.role, permission)) throw new ForbiddenError()
  return row.role
}

/**
 * The same, with the organisation locked until the end of the transaction: for changes of members, roles,
 * invitations, tokens and settings. Such changes run one after the other, and each sees what the previous one
 * did to the actor's role. This must be the transaction's first lock: a lock that everyone takes first cannot
 * deadlock.
 * @throws {ForbiddenError}
 */
export async function lockAuthority(tx: Transaction, actor: Actor, permission: Permission): Promise<Role> {
  await lockOrganisation(tx, actor.organisationId)
  return currentRole(tx, actor, permission)
}

/** For changes of membership by someone who is not a member yet. */
export async function lockOrganisation(tx: Transaction, organisationId: string): Promise<void> {
  // Not FOR UPDATE: a new vehicle, which looks the organisation's key up, need not wait.
  await tx
    .select({ id: organisations.id })
    .from(organisations)
    .where(eq(organisations.id, organisationId))
    .for('no key update')
}

/**
 * The database, with every change by a member authorised again inside its own transaction, so that no
 * endpoint can leave it out. Who the caller is travels with BEGIN and costs no round trip. It takes no lock:
 * a change that has started counts as made before a demotion that commits while it runs. Where that is not
 * acceptable, use `lockAuthority`.
 *
 * The same for reads, while the request goes by what was last known of its caller (`Assumption`): the first
 * one asks, in the round trip that it makes anyway.
 */
export function withAuthorisation<D extends Database>(database: D): D {
  const inOrganisation = (id: string): Queries => {
    const queries = database.inOrganisation(id)
    return {
      read: (fn, options) => {
        // A read that may be older than what the caller has seen says nothing of who they are now.
        const mayAsk = options?.consistency !== 'eventual'
        const along = mayAsk ? assumed(currentContext()?.authority) : null
        return queries.read(fn, { ...options, along })
      },
      write: (fn, options) => {
        const authority = currentContext()?.authority
        // Devices, jobs, and anyone creating or joining an organisation.
        if (!authority) return queries.write(fn, options)
        if (authority.organisationId !== id)
          throw new Error('A change in another organisation than the one that was authorised')
        return queries.write(fn, { ...options, along: authorising(authority) })
      },
    }
  }
  return { ...database, inOrganisation }
}

function assumed(authority: Authority | null | undefined): Along | null {
  const assumption = authority?.assumption
  if (!authority || !assumption?.isOpen()) return null
  return {
    expression: callerExpression(authority.organisationId, authority.userId, authority.session),
    isWanted: assumption.isOpen,
    answered: answer => assumption.settle(readCaller(answer)),
  }
}

function authorising({ organisationId, userId, session, permission, assumption }: Authority): Along {
  return {
    expression: callerExpression(organisationId, userId, session),
    isWanted: () => assumption?.isOpen() ?? false,
    answered(answer) {
      const caller = readCaller(answer)
      assumption?.settle(caller)
      if (!caller?.role || caller.organisationId !== organisationId)
        throw new ForbiddenError('You are no longer a member of this organisation.')
      if (!may(caller.role, permission as Permission)) throw new ForbiddenError()
    },
  }
}
