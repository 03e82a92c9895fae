import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateVehicle } from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Vehicle, VehicleUpdate } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'Change a vehicle',
  description: 'Only what is given is changed. `version`, if given, must be the present one.',
  permission: 'vehicles:write',
  input: { parameters: IdParameter, body: VehicleUpdate },
  output: Vehicle,
  errors: ['conflict', 'outdated-version'],
  handler: ({ caller, parameters: { id }, body }) =>
    updateVehicle(services(), caller.organisationId, id, body),
})
