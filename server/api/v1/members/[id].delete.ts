import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { removeMember } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Remove a member, or leave',
  // Everybody may leave; whom else a member may remove is the domain's to say.
  permission: 'vehicles:read',
  confirmed: true,
  input: { parameters: IdParameter },
  output: nothing,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id } }) => removeMember(services(), caller, id),
})
