import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listDeviceDays } from '#server/fleet/devices/device-days.ts'
import { services } from '#server/lifecycle/services.ts'
import { DeviceDay, DeviceDayQuery } from '#shared/device-days.ts'
import { list } from '#shared/schemas/answers.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Read what a device sent, day by day',
  description: 'Positions, battery and silences of the last days (UTC), the newest first. A day without a '
    + 'position is left out.',
  permission: 'devices:read',
  input: { parameters: IdParameter, query: DeviceDayQuery },
  output: list(DeviceDay),
  handler: ({ caller, parameters: { id }, query }) =>
    listDeviceDays(services(), caller.organisationId, id, query),
})
