import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { keyBelongsTo, originOf } from '#server/edge/principal.ts'
import { resetPassword, resetScope } from '#server/identity/password-reset.ts'
import { services } from '#server/lifecycle/services.ts'
import { PasswordReset } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Set a forgotten password anew',
  description: 'By the token of a link. It ends all sessions of the account and begins none.',
  permission: 'newcomer',
  input: { body: PasswordReset },
  output: nothing,
  errors: ['not-found', 'too-many-requests'],
  handler: async ({ event, body }) => {
    await keyBelongsTo(event, resetScope(body.token))
    await resetPassword(services(), body, originOf(event))
  },
})
