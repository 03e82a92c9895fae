import { defineEndpoint } from '#server/edge/endpoint.ts'
import { renewDeviceToken } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { DeviceWithToken, TokenQuery } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Give a device a new token',
  description: 'The one before is taken for a day more, or with `endPrevious=true` not at all.',
  permission: 'devices:write',
  confirmed: true,
  input: { parameters: IdParameter, query: TokenQuery },
  output: DeviceWithToken,
  handler: ({ caller, parameters: { id }, query: { endPrevious } }) =>
    renewDeviceToken(services(), caller, id, { endPrevious: endPrevious === 'true' }),
})
