import { defineEndpoint } from '#server/edge/endpoint.ts'
import { renewIngestAddress } from '#server/fleet/devices/ingest-address.ts'
import { services } from '#server/lifecycle/services.ts'
import { TokenQuery } from '#shared/devices.ts'
import { IngestAddress } from '#shared/ingest-address.ts'

export default defineEndpoint({
  summary: 'Make the organisation\'s own ingest address, or a new one',
  description: 'The one before is taken for a day more, or with `endPrevious=true` not at all.',
  permission: 'devices:write',
  confirmed: true,
  input: { query: TokenQuery },
  output: IngestAddress,
  handler: ({ caller, query: { endPrevious } }) =>
    renewIngestAddress(services(), caller, { endPrevious: endPrevious === 'true' }),
})
