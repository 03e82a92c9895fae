import { defineEndpoint } from '#server/edge/endpoint.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { listVehicles, vehicleFor } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { Vehicle, VehicleQuery } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'List vehicles',
  description: 'In the order of their names. While no database server can be reached, the last answer to the '
    + 'same question with `Fleet2-Stale`, unless it was a search.',
  permission: 'vehicles:read',
  input: { query: VehicleQuery },
  output: page(Vehicle),
  handler: async ({ caller, query }) => {
    const list = () => listVehicles(services(), caller.organisationId, query)
    const page = await orLastKnown('vehicles', caller, query, list)
    return { ...page, items: page.items.map(vehicle => vehicleFor(caller.role, vehicle)) }
  },
})
