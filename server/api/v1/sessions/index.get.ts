import { refuseUnconfirmed, requireUser } from '#server/edge/principal.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  refuseUnconfirmed(user)
  return { items: await services().sessions.list(user.userId, user.sessionId) }
})
