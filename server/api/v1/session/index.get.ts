import { requireUser } from '#server/edge/principal.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const session = await describeSession(services(), user.session)
  if (!session) throw new UnauthenticatedError()
  return { ...session, liveEventId: session.organisation && await services().events.position(session.organisation.id) }
})
