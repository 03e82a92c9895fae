import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { dismissUnknownDevice } from '#server/fleet/devices/unknown-devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Dismiss an unknown device',
  description: 'It is listed again once it sends again.',
  permission: 'devices:write',
  input: { parameters: IdParameter },
  output: nothing,
  handler: ({ caller, parameters: { id } }) => dismissUnknownDevice(services(), caller, id),
})
