import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { revokeOtherSessions } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEndpoint({
  summary: 'End your other sessions',
  permission: 'signed-in',
  output: nothing,
  handler: async ({ caller: { userId, name, sessionId } }) => {
    await revokeOtherSessions(services(), userId, sessionId)
    await services().accountLog.record({ userId, name, action: 'account.other-sessions-ended' })
  },
})
