import { defineEndpoint } from '#server/edge/endpoint.ts'
import { previewRetention } from '#server/fleet/history/retention-settings.ts'
import { services } from '#server/lifecycle/services.ts'
import { RetentionPreview, RetentionSettings } from '#shared/retention.ts'

export default defineEndpoint({
  summary: 'Ask what a retention setting would delete',
  description: 'Changes nothing.',
  permission: 'organisation:write',
  input: { body: RetentionSettings },
  output: RetentionPreview,
  handler: ({ caller, body }) => previewRetention(services(), caller.organisationId, body),
})
