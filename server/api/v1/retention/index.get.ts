import { defineEndpoint } from '#server/edge/endpoint.ts'
import { readRetention } from '#server/fleet/history/retention-settings.ts'
import { services } from '#server/lifecycle/services.ts'
import { Retention } from '#shared/retention.ts'

export default defineEndpoint({
  summary: 'Read how long positions, events and messages are kept',
  permission: 'organisation:write',
  output: Retention,
  handler: ({ caller }) => readRetention(services(), caller.organisationId),
})
