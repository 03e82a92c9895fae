import { defineEndpoint } from '#server/edge/endpoint.ts'
import { getDevice } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Device } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Read a device',
  permission: 'devices:read',
  input: { parameters: IdParameter },
  output: Device,
  handler: ({ caller, parameters: { id } }) => getDevice(services(), caller.organisationId, id),
})
