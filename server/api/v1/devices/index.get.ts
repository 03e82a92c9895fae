import { defineEndpoint } from '#server/edge/endpoint.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { listDevices } from '#server/fleet/devices/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { Device, DeviceQuery } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'List devices',
  description: 'In the order of their names. While no database server can be reached, the last answer to the '
    + 'same question with `Fleet2-Stale`, unless it was a search.',
  permission: 'devices:read',
  input: { query: DeviceQuery },
  output: page(Device),
  handler: ({ caller, query }) =>
    orLastKnown('devices', caller, query, () => listDevices(services(), caller.organisationId, query)),
})
