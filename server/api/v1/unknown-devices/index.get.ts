import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listUnknownDevices } from '#server/fleet/devices/unknown-devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { PageQuery } from '#shared/schemas/common.ts'
import { UnknownDevice } from '#shared/unknown-devices.ts'

export default defineEndpoint({
  summary: 'List unknown devices',
  description: 'Identifiers that came to the organisation\'s own ingest address and that no device of it has, the '
    + 'newest first; 100 at most.',
  permission: 'devices:read',
  input: { query: PageQuery },
  output: page(UnknownDevice),
  handler: ({ caller, query }) => listUnknownDevices(services(), caller.organisationId, query),
})
