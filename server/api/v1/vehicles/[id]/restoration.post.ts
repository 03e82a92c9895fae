import { parameters } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { restoreVehicle } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:write')
  const { id } = parameters(event, IdParameter)
  return restoreVehicle(services(), member.organisationId, id)
})
