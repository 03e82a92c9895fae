import { defineEndpoint } from '#server/edge/endpoint.ts'
import { changeRole } from '#server/identity/members.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Member, MemberUpdate } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Change a member\'s role',
  description: 'Only an owner makes or changes owners, and one of them stays.',
  permission: 'members:write',
  confirmed: true,
  input: { parameters: IdParameter, body: MemberUpdate },
  output: Member,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id }, body: { role } }) => changeRole(services(), caller, id, role),
})
