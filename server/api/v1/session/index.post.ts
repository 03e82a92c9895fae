import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { signIn } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { countSignIn } from '#server/telemetry/metrics.ts'
import { TooManyRequestsError, UnauthenticatedError } from '#shared/errors.ts'
import { Session, SignIn } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Sign in',
  permission: 'newcomer',
  input: { body: SignIn },
  output: created(Session, () => '/api/v1/session'),
  errors: ['unauthenticated', 'too-many-requests'],
  handler: async ({ event, caller: before, body }) => {
    const { config } = services()
    const signingIn = signIn(services(), body, originOf(event))
    const { session, ...cookies } = await signingIn.catch((error: unknown) => {
      countSignIn(outcomeOf(error))
      throw error
    })
    countSignIn('accepted')
    // A new secret at every sign-in: one that was planted in the browser before is worth nothing.
    const former = readSessionCookie(event, config)
    if (former && before) await endSession(services(), former, before.session)
    setSessionCookie(event, config, cookies, session.expiresAt)
    return session
  },
})

function outcomeOf(error: unknown): 'refused' | 'throttled' | 'failed' {
  if (error instanceof UnauthenticatedError) return 'refused'
  return error instanceof TooManyRequestsError ? 'throttled' : 'failed'
}
