import { query } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { listVehicles } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { VehicleQuery } from '#shared/schemas/vehicles.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:read')
  return listVehicles(services(), member.organisationId, query(event, VehicleQuery))
})
