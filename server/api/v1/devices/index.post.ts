import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { createDevice } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { DeviceCreate, DeviceWithToken } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Add a device',
  permission: 'devices:write',
  input: { body: DeviceCreate },
  output: created(DeviceWithToken, ({ id }) => `/api/v1/devices/${id}`),
  errors: ['conflict'],
  handler: ({ caller, body }) => createDevice(services(), caller, body),
})
