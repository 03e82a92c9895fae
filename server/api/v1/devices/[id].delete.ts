import { noContent } from '#server/edge/answer.ts'
import { parameters } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { removeDevice } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:write')
  const { id } = parameters(event, IdParameter)
  await removeDevice(services(), member, id)
  return noContent(event)
})
