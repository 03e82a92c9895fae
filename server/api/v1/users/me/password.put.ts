import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { originOf } from '#server/edge/principal.ts'
import { setSessionCookie } from '#server/edge/session-cookie.ts'
import { changePassword } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { PasswordChange } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Change your password',
  description: 'Ends your other sessions, and gives this one a new secret.',
  permission: 'signed-in',
  confirmed: true,
  input: { body: PasswordChange },
  output: nothing,
  errors: ['too-many-requests'],
  handler: async ({ event, caller, body }) => {
    const { session, ...cookies } = await changePassword(services(), caller, body, originOf(event))
    setSessionCookie(event, services().config, cookies, session.expiresAt)
  },
})
