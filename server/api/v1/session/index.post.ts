import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { optionalUser, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { signIn } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { countSignIn } from '#server/telemetry/metrics.ts'
import { TooManyRequestsError, UnauthenticatedError } from '#shared/errors.ts'
import { SignIn } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const before = await optionalUser(event, { tolerant: true })
  const { config } = services()
  const input = await readInput(event, SignIn)
  const { session, ...cookies } = await signIn(services(), input, originOf(event)).catch((error: unknown) => {
    const isThrottled = error instanceof TooManyRequestsError
    countSignIn(error instanceof UnauthenticatedError ? 'refused' : isThrottled ? 'throttled' : 'failed')
    throw error
  })
  countSignIn('accepted')
  // A new secret at every sign-in: one that was planted in the browser before is worth nothing.
  const former = readSessionCookie(event, config)
  if (former && before) await endSession(services(), former, before.session)
  setSessionCookie(event, config, cookies, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
