import { parameters, readInput } from '#server/edge/input.ts'
import { refuseUnconfirmed, requireMember } from '#server/edge/principal.ts'
import { updateDevice } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { DeviceUpdate } from '#shared/schemas/devices.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:write')
  const { id } = parameters(event, IdParameter)
  const input = await readInput(event, DeviceUpdate)
  // Then anybody may speak for the device: as sensitive as giving its token away.
  if (input.tokenRequired === false) refuseUnconfirmed(member)
  return updateDevice(services(), member, id, input)
})
