import { parameters, readInput } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { changeRole } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { MemberUpdate } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'members:write')
  refuseUnconfirmed(member)
  const { id } = parameters(event, IdParameter)
  const { role } = await readInput(event, MemberUpdate)
  return changeRole(services(), member, id, role)
})
