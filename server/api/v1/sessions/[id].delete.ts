import { noContent } from '#server/edge/answer.ts'
import { parameters } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { revokeSession } from '#server/identity/end-session.ts'
import { services } from '#server/lifecycle/services.ts'
import { NotFoundError } from '#shared/errors.ts'
import { SessionParameter } from '#shared/schemas/identity.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const { id } = parameters(event, SessionParameter)
  if (!await revokeSession(services(), user.userId, id)) throw new NotFoundError('session')
  await services().accountLog.record({ userId: user.userId, name: user.name, action: 'account.session-ended' })
  return noContent(event)
})
