import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { optionalUser, originOf } from '#server/edge/principal.ts'
import { setSessionCookie } from '#server/edge/session-cookie.ts'
import { acceptInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationAccept } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await optionalUser(event)
  const input = await readInput(event, InvitationAccept)
  const { secret, proof, session } = await acceptInvitation(services(), user, input, originOf(event))
  setSessionCookie(event, services().config, { secret, proof }, session.expiresAt)
  return created(event, '/api/v1/session', session)
})
