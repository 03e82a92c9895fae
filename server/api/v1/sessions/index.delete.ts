import { noContent } from '#server/edge/answer.ts'
import { requireUser } from '#server/edge/principal.ts'
import { revokeOtherSessions } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  await revokeOtherSessions(services(), user.userId, user.sessionId)
  await services().accountLog.record({ userId: user.userId, name: user.name, action: 'account.other-sessions-ended' })
  return noContent(event)
})
