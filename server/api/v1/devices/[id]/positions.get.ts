import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listDevicePositions } from '#server/fleet/positions/positions.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { IdParameter, PageQuery } from '#shared/schemas/common.ts'
import { JudgedPosition } from '#shared/vehicles.ts'

export default defineEndpoint({
  summary: 'List the positions of a device',
  description: 'All of them, believed or not, the newest first.',
  permission: 'devices:read',
  input: { parameters: IdParameter, query: PageQuery },
  output: page(JudgedPosition),
  handler: ({ caller, parameters: { id }, query }) =>
    listDevicePositions(services(), caller.organisationId, id, query),
})
