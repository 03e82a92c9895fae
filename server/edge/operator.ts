import type { H3Event } from 'h3'
import { isOperator } from '#server/identity/operators.ts'
import { services } from '#server/lifecycle/services.ts'
import { NotFoundError } from '#shared/errors.ts'
import { requireUser } from './principal.ts'

/**
 * The signed-in user as one whom the configuration names as an operator. With every database server away it
 * is known from what was last known of the session (`findMembership`), as for everybody.
 * @throws {UnauthenticatedError}; {NotFoundError} for everybody else: there is no such page for them.
 */
export async function requireOperator(event: H3Event) {
  const user = await requireUser(event)
  if (!isOperator(services().config, user.email)) throw new NotFoundError('page')
  return user
}
