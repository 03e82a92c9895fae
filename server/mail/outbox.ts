/**
 * Outgoing mail: a row beside the change, in its transaction, and a job that sends it. No mail without its
 * change; no change without its mail. SMTP cannot be a part of a transaction: a mail whose sender died right
 * after the server had taken it is sent again, with the same Message-ID, by which receivers drop it. So it is
 * sent at least once, and is one mail. docs/mail.md has the rest.
 */
import { eq, sql } from 'drizzle-orm'
import type { Logger } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import type { Database, Transaction } from '#server/database/port.ts'
import { mails } from '#server/database/schema/mail.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { enqueue, queriesOf } from '#server/jobs/queue.ts'
import { ConflictError, NotFoundError, UnavailableError } from '#shared/errors.ts'
import type { Language } from '#shared/mail.ts'
import { MailRefusedError, type Mailer } from './port.ts'
import type { Seal } from './seal.ts'
import { renderMail, type MailData, type TemplateName } from './templates.ts'

/** Ten attempts, up to an hour apart: a mail server may be away for half a working day. */
export const mailKind: JobKind<{ mailId: string }> = { name: 'mail', maxAttempts: 10 }

export const mailOutcomes = ['sent', 'deferred', 'refused'] as const

export interface NewMail<Name extends TemplateName = TemplateName> {
  /** Whose owners are shown it; null: nobody's. */
  organisationId: string | null
  recipient: string
  template: Name
  language: Language
  data: MailData[Name]
  /** Of the link, with its secret: `/invitation#…`. Stored encrypted. */
  path: string
}

export interface MailOutbox {
  /** Whether there is a mail server. */
  sends: boolean
  /** Writes a mail in the transaction of the change, to be sent after the commit. */
  queue<Name extends TemplateName>(tx: Transaction, mail: NewMail<Name>): Promise<void>
  /** What the job does. */
  send(job: RunningJob<{ mailId: string }>): Promise<FinishJob>
  /** The words of a mail with its link; null where that is gone. */
  read(mail: typeof mails.$inferSelect): { subject: string, text: string | null }
  close(): void
}

export function createMailOutbox({ database, mailer, seal, publicUrl, domain, log, count }: {
  database: Database
  /** Null: no mail server is configured. */
  mailer: Mailer | null
  seal: Seal
  /** Where people reach Fleet2: what links begin with. Empty without a mail server. */
  publicUrl: string
  /** The right part of Message-IDs. */
  domain: string
  log: Logger
  count: (outcome: (typeof mailOutcomes)[number]) => void
}): MailOutbox {
  function render({ template, language, data, sealedPath }: typeof mails.$inferSelect) {
    const path = sealedPath && seal.open(sealedPath)
    const words = renderMail(
      template as TemplateName, language, data as never, `${publicUrl.replace(/\/$/, '')}${path ?? ''}`,
    )
    return { ...words, hasLink: Boolean(path) }
  }

  return {
    sends: mailer !== null,
    async queue(tx, { path, ...mail }) {
      const id = uuidv7()
      const { organisationId } = mail
      const jobId = mailer && await enqueue(tx, mailKind, { organisationId, input: { mailId: id } })
      const data: Record<string, string> = { ...mail.data }
      await tx.insert(mails).values({ id, ...mail, data, sealedPath: seal.close(path), jobId })
      // Without its link: whoever reads the log must not be able to use it.
      if (!mailer) log.info({ mail: id, template: mail.template }, 'No mail server is configured: not sent')
    },
    async send({ input: { mailId }, ...job }) {
      if (!mailer) throw new ConflictError('No mail server is configured.')
      const [mail] = await queriesOf(database, job).read(tx => (
        tx.select().from(mails).where(eq(mails.id, mailId))
      ))
      if (!mail) throw new NotFoundError('mail any more')
      if (!mail.sentAt) {
        const { subject, text, html, hasLink } = render(mail)
        if (!hasLink) throw new ConflictError('Its link can no longer be read: SESSION_PASSWORD has changed.')
        try {
          await mailer.send({ messageId: `<${mailId}@${domain}>`, to: mail.recipient, subject, text, html })
        }
        catch (error) {
          if (error instanceof MailRefusedError) count('refused')
          if (error instanceof UnavailableError) count('deferred')
          throw error
        }
        count('sent')
      }
      return async (tx) => {
        await tx.update(mails).set({ sentAt: sql`now()`, sealedPath: null }).where(eq(mails.id, mailId))
        return null
      }
    },
    read(mail) {
      const { subject, text, hasLink } = render(mail)
      return { subject, text: hasLink ? text : null }
    },
    close: () => mailer?.close(),
  }
}

/** Deletes mails and reset links that nobody looks at any more. For a job. */
export async function deleteOldMail(tx: Transaction, keptDays: number): Promise<void> {
  await tx.execute(sql`DELETE FROM mails WHERE created_at < now() - make_interval(days => ${keptDays})`)
  await tx.execute(sql`DELETE FROM password_resets WHERE created_at < now() - interval '2 days'`)
}
