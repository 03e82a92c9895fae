import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { clearSessionCookie, readSessionCookie } from '#server/edge/session-cookie.ts'
import { endSession } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEndpoint({
  summary: 'Sign out',
  permission: 'anyone',
  output: nothing,
  handler: async ({ event, caller }) => {
    const { config, accountLog } = services()
    if (caller) {
      const { userId, name, session } = caller
      await endSession(services(), readSessionCookie(event, config)!, session)
      await accountLog.record({ userId, name, action: 'account.signed-out' })
    }
    clearSessionCookie(event, config)
  },
})
