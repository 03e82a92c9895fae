import { defineEndpoint, nothing } from '#server/edge/endpoint.ts'
import { revokeSession } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'
import { NotFoundError } from '#shared/errors.ts'
import { SessionParameter } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'End one of your sessions',
  permission: 'signed-in',
  input: { parameters: SessionParameter },
  output: nothing,
  handler: async ({ caller: { userId, name }, parameters: { id } }) => {
    if (!await revokeSession(services(), userId, id)) throw new NotFoundError('session')
    await services().accountLog.record({ userId, name, action: 'account.session-ended' })
  },
})
