import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listRecordedMessages } from '#server/fleet/devices/device-messages.ts'
import { services } from '#server/lifecycle/services.ts'
import { RecordedMessage } from '#shared/device-messages.ts'
import { list } from '#shared/schemas/answers.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'List the last messages of a device as they came',
  description: 'At most 100, the newest first, whatever became of them. They are kept while the device is being '
    + 'recorded: for a day after it was added, and after `recording: true`.',
  permission: 'devices:read',
  input: { parameters: IdParameter },
  output: list(RecordedMessage),
  handler: ({ caller, parameters: { id } }) => listRecordedMessages(services(), caller.organisationId, id),
})
