import { defineEndpoint } from '#server/edge/endpoint.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { getVehicle, vehicleFor } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Vehicle } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'Read a vehicle',
  description: 'Also one that was removed. While no database server can be reached, the last answer with '
    + '`Fleet2-Stale`.',
  permission: 'vehicles:read',
  input: { parameters: IdParameter },
  output: Vehicle,
  handler: async ({ caller, parameters: { id } }) => {
    const read = () => getVehicle(services(), caller.organisationId, id)
    return vehicleFor(caller.role, await orLastKnown('vehicle', caller, { id }, read))
  },
})
