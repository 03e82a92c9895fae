import { parameters, readInput } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { updateOrganisation } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { OrganisationUpdate } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'organisation:write')
  const { id } = parameters(event, IdParameter)
  const input = await readInput(event, OrganisationUpdate)
  return updateOrganisation(services(), member, id, input)
})
