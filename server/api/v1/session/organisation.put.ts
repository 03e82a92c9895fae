import { defineEndpoint } from '#server/edge/endpoint.ts'
import { readSessionCookie, setProofCookie } from '#server/edge/session-cookie.ts'
import { organisationsOf } from '#server/identity/organisations.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { NotFoundError, UnauthenticatedError } from '#shared/errors.ts'
import { OrganisationSwitch, Session } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Go on in another organisation',
  permission: 'signed-in',
  input: { body: OrganisationSwitch },
  output: Session,
  errors: ['not-found'],
  handler: async ({ event, caller: { userId, name, session }, body: { organisationId } }) => {
    const { config, database, cache, sessions, accountLog } = services()
    const organisations = await organisationsOf({ database, cache }, userId)
    if (!organisations.some(({ id }) => id === organisationId)) throw new NotFoundError('organisation')
    const secret = readSessionCookie(event, config)!
    const { record, proof } = await sessions.switchOrganisation(secret, session, organisationId)
    setProofCookie(event, config, proof, new Date(record.expiresAt).toISOString())
    if (session.organisationId !== organisationId) {
      // The one that is entered alone: the others need not know of it.
      await accountLog.record({ userId, name, action: 'account.organisation-entered', organisationId })
    }
    const described = await describeSession({ database, cache, config }, record)
    if (!described) throw new UnauthenticatedError()
    return described
  },
})
