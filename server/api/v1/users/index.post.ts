import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { keyBelongsTo, optionalUser, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { signUp } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { SignUp } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const before = await optionalUser(event, { tolerant: true })
  const { config } = services()
  const input = await readInput(event, SignUp)
  // Its repeat may come with the new session's cookie already.
  await keyBelongsTo(event, 'anonymous')
  const { session, ...cookies } = await signUp(services(), input, originOf(event))
  const former = readSessionCookie(event, config)
  if (former && before) await endSession(services(), former, before.session)
  setSessionCookie(event, config, cookies, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
