import { listAccountEvents } from '#server/audit/account-log.ts'
import { defineEndpoint } from '#server/edge/endpoint.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { AccountEvent } from '#shared/audit.ts'
import { PageQuery } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'List what happened to your account',
  description: 'The newest first.',
  permission: 'signed-in',
  input: { query: PageQuery },
  output: page(AccountEvent),
  handler: ({ caller, query }) => listAccountEvents(services(), caller.userId, query),
})
