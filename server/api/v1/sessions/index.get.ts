import { defineEndpoint } from '#server/edge/endpoint.ts'
import { services } from '#server/lifecycle/services.ts'
import { Sessions } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'List your sessions',
  permission: 'signed-in',
  confirmed: true,
  output: Sessions,
  handler: async ({ caller }) => ({ items: await services().sessions.list(caller.userId, caller.sessionId) }),
})
