import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { keyBelongsTo, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { signUp } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { Session, SignUp } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Sign up',
  description: 'Makes a user and an organisation that the user owns, and begins a session.',
  permission: 'newcomer',
  input: { body: SignUp },
  output: created(Session, () => '/api/v1/session'),
  errors: ['unauthenticated', 'conflict', 'too-many-requests'],
  handler: async ({ event, caller: before, body }) => {
    const { config } = services()
    // Its repeat may come with the new session's cookie already.
    await keyBelongsTo(event, 'anonymous')
    const { session, ...cookies } = await signUp(services(), body, originOf(event))
    const former = readSessionCookie(event, config)
    if (former && before) await endSession(services(), former, before.session)
    setSessionCookie(event, config, cookies, session.expiresAt)
    return session
  },
})
