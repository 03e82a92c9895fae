import { readInput } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { readSessionCookie, setProofCookie } from '#server/edge/session-cookie.ts'
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
  const { record, proof } = await sessions.switchOrganisation(readSessionCookie(event, config)!, user.session, organisationId)
  setProofCookie(event, config, proof, new Date(record.expiresAt).toISOString())
  return describeSession({ database, cache }, record)
})
