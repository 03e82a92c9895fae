import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { originOf } from '#server/edge/principal.ts'
import { requestPasswordReset } from '#server/identity/password-reset.ts'
import { services } from '#server/lifecycle/services.ts'
import { PasswordResetRequest } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Ask for a link to set a forgotten password anew',
  description: 'The answer is the same whether or not the address has an account.',
  permission: 'newcomer',
  input: { body: PasswordResetRequest },
  output: nothing,
  errors: ['too-many-requests'],
  handler: ({ event, body }) => requestPasswordReset(services(), body, originOf(event)),
})
