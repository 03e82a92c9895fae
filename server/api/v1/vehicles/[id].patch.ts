import { parameters, readInput } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { updateVehicle } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { VehicleUpdate } from '#shared/schemas/vehicles.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:write')
  const { id } = parameters(event, IdParameter)
  const input = await readInput(event, VehicleUpdate)
  return updateVehicle(services(), member.organisationId, id, input)
})
