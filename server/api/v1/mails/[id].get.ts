import { defineEndpoint } from '#server/edge/endpoint.ts'
import { readMail } from '#server/identity/mails.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { MailWithText } from '#shared/mail.ts'

export default defineEndpoint({
  summary: 'Read an outgoing mail',
  description: 'Its text is shown where there is no mail server to send it; reading it is an audit entry.',
  permission: 'mail:read',
  confirmed: true,
  input: { parameters: IdParameter },
  output: MailWithText,
  handler: ({ caller, parameters: { id } }) => readMail(services(), caller.organisationId, id),
})
