import { noContent } from '#server/edge/answer.ts'
import { parameters } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { removeMember } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  // Everybody may leave; whom else a member may remove is the domain's to say.
  const member = await requireMember(event, 'vehicles:read')
  refuseUnconfirmed(member)
  const { id } = parameters(event, IdParameter)
  await removeMember(services(), member, id)
  return noContent(event)
})
