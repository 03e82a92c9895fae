import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { adoptUnknownDevice } from '#server/fleet/devices/unknown-devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { Device } from '#shared/devices.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { UnknownDeviceAdoption } from '#shared/unknown-devices.ts'

export default defineEndpoint({
  summary: 'Make a device of an unknown one',
  description: 'It is taken as it sends already: without a token, at the organisation\'s own ingest address.',
  permission: 'devices:write',
  input: { parameters: IdParameter, body: UnknownDeviceAdoption },
  output: created(Device, ({ id }) => `/api/v1/devices/${id}`),
  errors: ['conflict'],
  handler: ({ caller, parameters: { id }, body }) => adoptUnknownDevice(services(), caller, id, body),
})
