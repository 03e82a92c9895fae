import { defineEndpoint } from '#server/edge/endpoint.ts'
import { services } from '#server/lifecycle/services.ts'
import { Operations } from '#shared/operations.ts'

export default defineEndpoint({
  summary: 'Read the operators\' view',
  permission: 'operator',
  output: Operations,
  handler: async ({ caller: { userId } }) => {
    const { log, operations } = services()
    log.info({ user_id: userId }, 'An operator opened the operations view')
    const [view, timeline] = await Promise.all([operations.view(), operations.timeline()])
    return { view, timeline }
  },
})
