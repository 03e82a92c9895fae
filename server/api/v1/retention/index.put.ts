import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateRetention } from '#server/fleet/history/retention-settings.ts'
import { services } from '#server/lifecycle/services.ts'
import { Retention, RetentionUpdate } from '#shared/retention.ts'

export default defineEndpoint({
  summary: 'Change how long positions, events and messages are kept',
  description: 'In days; null: for ever. What deletes more than the present setting needs '
    + '`acknowledged: true` and comes into force a day later. What has been deleted or simplified cannot be '
    + 'brought back.',
  permission: 'organisation:write',
  confirmed: true,
  input: { body: RetentionUpdate },
  output: Retention,
  errors: ['conflict'],
  handler: ({ caller, body }) => updateRetention(services(), caller, body),
})
