import { requireUser } from '#server/edge/principal.ts'
import { readSessionCookie } from '#server/edge/session-cookie.ts'
import { describeSession } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'

export default defineEventHandler(async (event) => {
  await requireUser(event)
  const { config, sessions, database, cache, events } = services()
  const record = await sessions.find(readSessionCookie(event, config)!)
  const session = record && await describeSession({ database, cache }, record)
  if (!session) throw new UnauthenticatedError()
  return { ...session, liveEventId: session.organisation && await events.position(session.organisation.id) }
})
