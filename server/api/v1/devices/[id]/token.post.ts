import { parameters } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { renewDeviceToken } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:write')
  refuseUnconfirmed(member)
  const { id } = parameters(event, IdParameter)
  return renewDeviceToken(services(), member, id)
})
