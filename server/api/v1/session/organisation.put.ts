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
  const { config, database, cache, sessions, accountLog } = services()
  const organisations = await organisationsOf({ database, cache }, user.userId)
  if (!organisations.some(({ id }) => id === organisationId)) throw new NotFoundError('organisation')
  const secret = readSessionCookie(event, config)!
  const { record, proof } = await sessions.switchOrganisation(secret, user.session, organisationId)
  setProofCookie(event, config, proof, new Date(record.expiresAt).toISOString())
  if (user.session.organisationId !== organisationId) {
    // The one that is entered alone: the others need not know of it.
    await accountLog.record({
      userId: user.userId,
      name: user.name,
      action: 'account.organisation-entered',
      organisationId,
    })
  }
  return describeSession({ database, cache, config }, record)
})
