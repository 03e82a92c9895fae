import { query } from '#server/edge/input.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { requireMember } from '#server/edge/principal.ts'
import { listVehicles, vehicleFor } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { VehicleQuery } from '#shared/schemas/vehicles.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:read')
  const asked = query(event, VehicleQuery)
  const page = await orLastKnown('vehicles', member, asked, () => listVehicles(services(), member.organisationId, asked))
  return { ...page, items: page.items.map(vehicle => vehicleFor(member.role, vehicle)) }
})
