import { defineEndpoint } from '#server/edge/endpoint.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'
import { Session } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Read who is signed in, and where',
  permission: 'signed-in',
  output: Session,
  handler: async ({ caller }) => {
    const session = await describeSession(services(), caller.session)
    if (!session) throw new UnauthenticatedError()
    const { organisation } = session
    return { ...session, liveEventId: organisation && await services().events.position(organisation.id) }
  },
})
