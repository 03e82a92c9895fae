import { requireUser } from '#server/edge/principal.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const { database, cache, events } = services()
  const session = await describeSession({ database, cache }, user.session)
  if (!session) throw new UnauthenticatedError()
  return { ...session, liveEventId: session.organisation && await events.position(session.organisation.id) }
})
