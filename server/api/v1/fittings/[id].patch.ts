import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateFitting } from '#server/fleet/devices/fittings.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { CorrectedFitting, FittingUpdate } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Correct when, or in which vehicle, a device was',
  description: 'Only what is given is changed. What the device told of in the time that is concerned moves: '
    + 'some of it at once, and what is more by `job`.',
  permission: 'devices:write',
  input: { parameters: IdParameter, body: FittingUpdate },
  output: CorrectedFitting,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id }, body }) => updateFitting(services(), caller, id, body),
})
