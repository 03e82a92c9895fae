import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listDeviceMessages } from '#server/fleet/devices/device-messages.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { DeviceMessageEntry, DeviceMessageQuery } from '#shared/device-messages.ts'

export default defineEndpoint({
  summary: 'List messages of devices that moved nothing',
  description: 'Those that were judged, quarantined or refused, as they came, each with its reason. The '
    + 'newest first.',
  permission: 'devices:read',
  input: { query: DeviceMessageQuery },
  output: page(DeviceMessageEntry),
  handler: ({ caller, query }) => listDeviceMessages(services(), caller.organisationId, query),
})
