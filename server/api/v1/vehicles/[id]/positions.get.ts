import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listPositions } from '#server/fleet/positions/positions.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { JudgedPosition, TrackQuery } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'Read a vehicle\'s track',
  description: 'The oldest position first, of at most 31 days; without `from` and `to` of the last 24 hours. '
    + 'Positions that are not believed are left out unless `credibility=all`.',
  permission: 'vehicles:read',
  input: { parameters: IdParameter, query: TrackQuery },
  output: page(JudgedPosition),
  handler: ({ caller, parameters: { id }, query }) =>
    listPositions(services(), caller.organisationId, id, query),
})
