import { z } from 'zod'
import { smtpUrlFault } from '../connection-url.ts'
import { checked } from '../readers.ts'
import { variable } from '../variable.ts'

const addressForm = /^([^<>@\r\n"]{1,80} )?<?[^\s<>@,;"]+@[A-Za-z0-9.-]+>?$/

export const mailVariables = {
  smtpUrl: variable({
    name: 'NUXT_SMTP_URL',
    group: 'Mail',
    description: 'Mail server: smtp:// (with STARTTLS where it offers that) or smtps://. Without one, '
      + 'mail is shown to owners in the application. Needs NUXT_MAIL_FROM and NUXT_PUBLIC_URL.',
    default: 'none: nothing is sent',
    example: 'smtps://user:password@mail.example.org:465',
    secret: true,
    schema: checked(smtpUrlFault),
  }),
  mailFrom: variable({
    name: 'NUXT_MAIL_FROM',
    group: 'Mail',
    description: 'Sender of all mail.',
    default: 'none',
    example: 'Fleet2 <no-reply@example.org>',
    schema: z.string()
      .regex(addressForm, 'must be an address, such as Fleet2 <no-reply@example.org>')
      .optional(),
  }),
}
