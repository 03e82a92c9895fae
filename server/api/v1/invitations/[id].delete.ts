import { noContent } from '#server/edge/answer.ts'
import { parameters } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { revokeInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'members:write')
  refuseUnconfirmed(member)
  const { id } = parameters(event, IdParameter)
  await revokeInvitation(services(), member, id)
  return noContent(event)
})
