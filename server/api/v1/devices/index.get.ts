import { query } from '#server/edge/input.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { requireMember } from '#server/edge/principal.ts'
import { listDevices } from '#server/fleet/devices.ts'
import { services } from '#server/lifecycle/services.ts'
import { DeviceQuery } from '#shared/schemas/devices.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'devices:read')
  const asked = query(event, DeviceQuery)
  return orLastKnown('devices', member, asked, () => listDevices(services(), member.organisationId, asked))
})
