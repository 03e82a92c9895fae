import { defineEndpoint } from '#server/edge/endpoint.ts'
import { restoreVehicle } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Vehicle } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'Restore a removed vehicle',
  description: 'With the devices that were taken out with it, unless they have been fitted elsewhere since.',
  permission: 'vehicles:write',
  input: { parameters: IdParameter },
  output: Vehicle,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id } }) => restoreVehicle(services(), caller.organisationId, id),
})
