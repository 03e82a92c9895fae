import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listInvitations } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { PageQuery } from '#shared/schemas/common.ts'
import { Invitation } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'List open invitations',
  permission: 'members:write',
  input: { query: PageQuery },
  output: page(Invitation),
  handler: ({ caller, query }) => listInvitations(services(), caller.organisationId, query),
})
