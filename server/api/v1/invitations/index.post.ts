import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { createInvitation } from '#server/identity/invitations.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationCreate, InvitationWithLink } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Invite somebody',
  description: 'Only an owner invites owners.',
  permission: 'members:write',
  confirmed: true,
  input: { body: InvitationCreate },
  output: created(InvitationWithLink, ({ id }) => `/api/v1/invitations/${id}`),
  errors: ['conflict', 'too-many-requests'],
  handler: ({ caller, body }) => createInvitation(services(), caller, body),
})
