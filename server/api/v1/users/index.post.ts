import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { optionalUser, originOf } from '#server/edge/principal.ts'
import { setSessionCookie } from '#server/edge/session-cookie.ts'
import { signUp } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { SignUp } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  await optionalUser(event, { tolerant: true })
  const input = await readInput(event, SignUp)
  const { secret, proof, session } = await signUp(services(), input, originOf(event))
  setSessionCookie(event, services().config, { secret, proof }, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
