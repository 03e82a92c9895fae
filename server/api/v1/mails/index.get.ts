import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listMails } from '#server/identity/mails.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { PageQuery } from '#shared/schemas/common.ts'
import { Mail } from '#shared/mail.ts'

export default defineEndpoint({
  summary: 'List outgoing mail',
  description: 'The newest first, for 30 days.',
  permission: 'mail:read',
  input: { query: PageQuery },
  output: page(Mail),
  handler: ({ caller, query }) => listMails(services(), caller.organisationId, query),
})
