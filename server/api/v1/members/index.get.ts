import { query } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { listMembers } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { PageQuery } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'members:read')
  return listMembers(services(), member.organisationId, query(event, PageQuery))
})
