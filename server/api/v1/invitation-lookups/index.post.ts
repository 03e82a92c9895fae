import { readInput } from '#server/edge/input.ts'
import { optionalUser, originOf } from '#server/edge/principal.ts'
import { lookUpInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationLookup } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  await optionalUser(event)
  const { token } = await readInput(event, InvitationLookup)
  return lookUpInvitation(services(), token, originOf(event))
})
