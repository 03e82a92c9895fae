import { parameters } from '#server/edge/input.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { requireMember } from '#server/edge/principal.ts'
import { getVehicle, vehicleFor } from '#server/fleet/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:read')
  const { id } = parameters(event, IdParameter)
  return vehicleFor(member.role, await orLastKnown('vehicle', member, { id }, () => getVehicle(services(), member.organisationId, id)))
})
