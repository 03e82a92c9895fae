import { noContent } from '#server/edge/answer.ts'
import { optionalUser } from '#server/edge/principal.ts'
import { clearSessionCookie, readSessionCookie } from '#server/edge/session-cookie.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  await optionalUser(event)
  const { config, sessions } = services()
  const secret = readSessionCookie(event, config)
  if (secret) await sessions.end(secret)
  clearSessionCookie(event, config)
  return noContent(event)
})
