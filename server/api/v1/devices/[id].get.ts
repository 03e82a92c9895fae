import { parameters } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { getDevice } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:read')
  const { id } = parameters(event, IdParameter)
  return getDevice(services(), member.organisationId, id)
})
