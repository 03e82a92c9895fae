import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { createVehicle } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { Vehicle, VehicleCreate } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'Add a vehicle',
  permission: 'vehicles:write',
  input: { body: VehicleCreate },
  output: created(Vehicle, ({ id }) => `/api/v1/vehicles/${id}`),
  errors: ['conflict'],
  handler: ({ caller, body }) => createVehicle(services(), caller.organisationId, body),
})
