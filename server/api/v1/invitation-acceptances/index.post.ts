import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { keyBelongsTo, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { acceptInvitation, acceptanceScope } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationAccept, Session } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Accept an invitation',
  description: 'Who is signed in accepts with the token alone, a newcomer gives a name and a password too. '
    + 'Begins a session in the organisation.',
  permission: 'anyone',
  input: { body: InvitationAccept },
  output: created(Session, () => '/api/v1/session'),
  errors: ['unauthenticated', 'not-found', 'conflict', 'too-many-requests'],
  handler: async ({ event, caller, body }) => {
    const { config } = services()
    await keyBelongsTo(event, acceptanceScope(body.token))
    const { session, ...cookies } = await acceptInvitation(services(), caller, body, originOf(event))
    // More may be done with it from now on: a new secret.
    if (caller) await endSession(services(), readSessionCookie(event, config)!, caller.session)
    setSessionCookie(event, config, cookies, session.expiresAt)
    return session
  },
})
