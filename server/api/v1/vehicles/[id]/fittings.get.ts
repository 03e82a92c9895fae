import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listVehicleFittings } from '#server/fleet/devices/fittings.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Fittings } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'List the devices that were in a vehicle',
  description: 'The latest first.',
  permission: 'devices:read',
  input: { parameters: IdParameter },
  output: Fittings,
  handler: ({ caller, parameters: { id } }) => listVehicleFittings(services(), caller.organisationId, id),
})
