import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { removeDevice } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Remove a device',
  permission: 'devices:write',
  input: { parameters: IdParameter },
  output: nothing,
  handler: ({ caller, parameters: { id } }) => removeDevice(services(), caller, id),
})
