import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { createInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationCreate } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'members:write')
  refuseUnconfirmed(member)
  const input = await readInput(event, InvitationCreate)
  const invitation = await createInvitation(services(), member, input)
  return created(event, `/api/v1/invitations/${invitation.id}`, invitation)
})
