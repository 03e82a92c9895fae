import { noContent } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { originOf, refuseUnconfirmed, requireUser } from '#server/edge/principal.ts'
import { setSessionCookie } from '#server/edge/session-cookie.ts'
import { changePassword } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { PasswordChange } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  refuseUnconfirmed(user)
  const input = await readInput(event, PasswordChange)
  const { session, ...cookies } = await changePassword(services(), user, input, originOf(event))
  setSessionCookie(event, services().config, cookies, session.expiresAt)
  return noContent(event)
})
