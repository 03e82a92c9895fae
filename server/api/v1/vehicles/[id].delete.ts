import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { removeVehicle } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Remove a vehicle',
  description: 'Its devices are taken out of it. It can be restored.',
  permission: 'vehicles:write',
  input: { parameters: IdParameter },
  output: nothing,
  handler: ({ caller, parameters: { id } }) => removeVehicle(services(), caller.organisationId, id),
})
