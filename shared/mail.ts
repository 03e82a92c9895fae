import { z } from 'zod'
import { anyText, id, moment } from './schemas/answers.ts'

/** Languages that mail is written in. */
export const languages = ['en', 'de'] as const
export type Language = (typeof languages)[number]

/** What can become of a mail. `shown`: there was no mail server, and an owner passes it on. */
export const mailStates = ['waiting', 'sent', 'failed', 'shown'] as const

/** One row of `GET /api/v1/mails`. */
export const Mail = z.object({
  id: id(),
  recipient: anyText(),
  subject: anyText(),
  state: z.enum(mailStates),
  reason: anyText().nullable().describe('Why it has not been sent yet, or will not be.'),
  createdAt: moment(),
  sentAt: moment().nullable(),
})
export type Mail = z.infer<typeof Mail>

export const MailWithText = Mail.extend({
  text: anyText().nullable().describe('With its link, where there is no mail server. Reading it is audited.'),
})
export type MailWithText = z.infer<typeof MailWithText>
