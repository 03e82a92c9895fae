import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { createVehicle } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { VehicleCreate } from '#shared/schemas/vehicles.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:write')
  const input = await readInput(event, VehicleCreate)
  const vehicle = await createVehicle(services(), member.organisationId, input)
  return created(event, `/api/v1/vehicles/${vehicle.id}`, vehicle)
})
