import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { revokeInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Revoke an invitation',
  permission: 'members:write',
  confirmed: true,
  input: { parameters: IdParameter },
  output: nothing,
  handler: ({ caller, parameters: { id } }) => revokeInvitation(services(), caller, id),
})
