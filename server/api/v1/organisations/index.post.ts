import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { createOrganisation } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'
import { OrganisationCreate } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const input = await readInput(event, OrganisationCreate)
  const organisation = await createOrganisation(services(), user, input)
  return created(event, `/api/v1/organisations/${organisation.id}`, organisation)
})
