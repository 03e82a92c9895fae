import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { optionalUser, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { signIn } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { signIns } from '#server/telemetry/metrics.ts'
import { SignIn } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  await optionalUser(event)
  const { config, sessions } = services()
  const input = await readInput(event, SignIn)
  const { secret, session } = await signIn(services(), input, originOf(event)).catch((error: unknown) => {
    signIns.inc({ outcome: 'refused' })
    throw error
  })
  signIns.inc({ outcome: 'accepted' })
  // A new secret at every sign-in: one that was planted in the browser before is worth nothing.
  const former = readSessionCookie(event, config)
  if (former) await sessions.end(former)
  setSessionCookie(event, config, secret, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
