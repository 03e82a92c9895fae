import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listDeviceEvents } from '#server/fleet/devices/device-events.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { DeviceEvent, DeviceEventQuery } from '#shared/device-events.ts'

export default defineEndpoint({
  summary: 'List events of devices',
  description: 'Alarms, ignition, buttons, power, driver cards, geofences of the device. The newest first.',
  permission: 'devices:read',
  input: { query: DeviceEventQuery },
  output: page(DeviceEvent),
  handler: ({ caller, query }) => listDeviceEvents(services(), caller.organisationId, query),
})
