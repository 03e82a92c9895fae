import { defineEndpoint } from '#server/edge/endpoint.ts'
import { lookUpInvitation } from '#server/identity/invitations.ts'
import { originOf } from '#server/edge/principal.ts'
import { services } from '#server/lifecycle/services.ts'
import { InvitationLookup, InvitationPreview } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Look up an invitation by its link\'s token',
  permission: 'anyone',
  input: { body: InvitationLookup },
  output: InvitationPreview,
  errors: ['not-found', 'too-many-requests'],
  handler: ({ event, body: { token } }) => lookUpInvitation(services(), token, originOf(event)),
})
