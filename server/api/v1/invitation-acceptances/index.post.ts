import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { keyBelongsTo, optionalUser, originOf } from '#server/edge/principal.ts'
import { readSessionCookie, setSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { acceptInvitation, acceptanceScope } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationAccept } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await optionalUser(event)
  const { config } = services()
  const input = await readInput(event, InvitationAccept)
  await keyBelongsTo(event, acceptanceScope(input.token))
  const { session, ...cookies } = await acceptInvitation(services(), user, input, originOf(event))
  // More may be done with it from now on: a new secret.
  if (user) await endSession(services(), readSessionCookie(event, config)!, user.session)
  setSessionCookie(event, config, cookies, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
