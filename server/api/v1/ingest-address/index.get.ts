import { defineEndpoint } from '#server/edge/endpoint.ts'
import { getIngestAddress } from '#server/fleet/devices/ingest-address.ts'
import { services } from '#server/lifecycle/services.ts'
import { IngestAddress } from '#shared/ingest-address.ts'

export default defineEndpoint({
  summary: 'Read the organisation\'s own ingest address',
  description: 'What comes there is this organisation\'s: its identifiers are looked for among its own devices, and '
    + 'those that it does not know are listed.',
  permission: 'devices:write',
  output: IngestAddress,
  handler: ({ caller }) => getIngestAddress(services(), caller.organisationId),
})
