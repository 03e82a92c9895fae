import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listMembers } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { PageQuery } from '#shared/schemas/common.ts'
import { Member } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'List members',
  permission: 'members:read',
  input: { query: PageQuery },
  output: page(Member),
  handler: ({ caller, query }) => listMembers(services(), caller.organisationId, query),
})
