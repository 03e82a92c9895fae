import { readInput } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { readSessionCookie } from '#server/edge/session-cookie.ts'
import { organisationsOf } from '#server/identity/organisations.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { NotFoundError } from '#shared/errors.ts'
import { OrganisationSwitch } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const { organisationId } = await readInput(event, OrganisationSwitch)
  const { config, database, cache, sessions } = services()
  if (!(await organisationsOf({ database, cache }, user.userId)).some(({ id }) => id === organisationId)) throw new NotFoundError('organisation')
  const secret = readSessionCookie(event, config)!
  await sessions.switchOrganisation(secret, organisationId)
  return describeSession({ database, cache }, (await sessions.find(secret))!)
})
