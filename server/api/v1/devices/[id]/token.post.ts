import { defineEndpoint } from '#server/edge/endpoint.ts'
import { renewDeviceToken } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { DeviceWithToken } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Give a device a new token',
  description: 'The one before is worth nothing from then on.',
  permission: 'devices:write',
  confirmed: true,
  input: { parameters: IdParameter },
  output: DeviceWithToken,
  handler: ({ caller, parameters: { id } }) => renewDeviceToken(services(), caller, id),
})
