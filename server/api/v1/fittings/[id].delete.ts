import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { removeFitting } from '#server/fleet/devices/fittings.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Remove a time in which a device was in a vehicle',
  description: 'The device has never been there: what it told of in that time belongs to no vehicle.',
  permission: 'devices:write',
  input: { parameters: IdParameter },
  output: nothing,
  handler: ({ caller, parameters: { id } }) => removeFitting(services(), caller, id),
})
