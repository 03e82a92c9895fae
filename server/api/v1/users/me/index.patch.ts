import { readInput } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { updateProfile } from '#server/identity/users.ts'
import { services } from '#server/lifecycle/services.ts'
import { ProfileUpdate } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const input = await readInput(event, ProfileUpdate)
  return updateProfile(services(), user, input)
})
