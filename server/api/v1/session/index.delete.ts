import { noContent } from '#server/edge/answer.ts'
import { optionalUser } from '#server/edge/principal.ts'
import { clearSessionCookie, readSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const user = await optionalUser(event)
  const { config } = services()
  if (user) {
    await endSession(services(), readSessionCookie(event, config)!, user.session)
    await services().accountLog.record({ userId: user.userId, name: user.name, action: 'account.signed-out' })
  }
  clearSessionCookie(event, config)
  return noContent(event)
})
