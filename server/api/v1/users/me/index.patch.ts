import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateProfile } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { Profile, ProfileUpdate } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Change your name',
  permission: 'signed-in',
  input: { body: ProfileUpdate },
  output: Profile,
  handler: ({ caller, body }) => updateProfile(services(), caller, body),
})
