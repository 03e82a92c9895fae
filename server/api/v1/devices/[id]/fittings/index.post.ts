import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { addFitting } from '#server/fleet/devices/fittings.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { CorrectedFitting, FittingCreate } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Add a time in which a device was in a vehicle',
  description: 'What the device told of in that time moves to the vehicle: some of it at once, and what is '
    + 'more by `job`. `from` null: as long as anybody knows; `to` null: it is there.',
  permission: 'devices:write',
  input: { parameters: IdParameter, body: FittingCreate },
  output: created(CorrectedFitting, ({ device }) => `/api/v1/devices/${device.id}/fittings`),
  errors: ['conflict'],
  handler: ({ caller, parameters: { id }, body }) => addFitting(services(), caller, id, body),
})
