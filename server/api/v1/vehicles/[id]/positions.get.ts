import { parameters, query } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { listPositions } from '#server/fleet/positions.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { TrackQuery } from '#shared/schemas/vehicles.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:read')
  const { id } = parameters(event, IdParameter)
  return listPositions(services(), member.organisationId, id, query(event, TrackQuery))
})
