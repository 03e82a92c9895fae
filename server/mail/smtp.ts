import { createTransport } from 'nodemailer'
import { UnavailableError } from '#shared/errors.ts'
import { MailRefusedError, type Mailer } from './port.ts'

/**
 * A mail server answers within seconds, or is tried again by the job. All three together stay far below a
 * job's limit.
 */
const limits = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 }

/**
 * Mail by SMTP (nodemailer: no dependencies, types of its own, for years the one that everybody uses).
 * @param url `smtp://` (STARTTLS where the server offers it) or `smtps://` with user, password, host, port.
 */
export function openSmtp({ url, from }: { url: string, from: string }): Mailer {
  const transport = createTransport({ url, pool: true, maxConnections: 2, ...limits }, { from })
  return {
    async send({ messageId, ...mail }) {
      try {
        await transport.sendMail({
          ...mail, messageId,
          // No mail of ours is answered by a machine's "I am away".
          headers: { 'Auto-Submitted': 'auto-generated' },
          // Nothing of a mail is a path or an address to be fetched.
          disableFileAccess: true, disableUrlAccess: true,
        })
      }
      catch (error) {
        const { code, responseCode } = error as { code?: string, responseCode?: number }
        // A wrong password is the operator's to mend, and no fault of the mail.
        const isForGood = code !== 'EAUTH' && responseCode !== undefined && responseCode >= 500
        if (isForGood) throw new MailRefusedError(`The mail server refused it (code ${responseCode}).`, error)
        throw new UnavailableError('The mail server does not take mail right now.', { cause: error })
      }
    },
    close: () => transport.close(),
  }
}
