import { created } from '#server/edge/answer.ts'
import { readInput } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { createDevice } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { DeviceCreate } from '#shared/schemas/devices.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:write')
  const input = await readInput(event, DeviceCreate)
  const device = await createDevice(services(), member, input)
  return created(event, `/api/v1/devices/${device.id}`, device)
})
