import { and, desc, eq, lt } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database } from '#server/database/port.ts'
import { jobs } from '#server/database/schema/jobs.ts'
import { mails } from '#server/database/schema/mail.ts'
import type { MailOutbox } from '#server/mail/outbox.ts'
import { NotFoundError } from '#shared/errors.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'
import type { Mail, MailWithText } from '#shared/mail.ts'

interface Parts { database: Database, mail: MailOutbox }
interface Row {
  mail: typeof mails.$inferSelect
  job: { state: typeof jobs.$inferSelect['state'], reason: string | null } | null
}

const columns = { mail: mails, job: { state: jobs.state, reason: jobs.reason } }

/** The organisation's outgoing mail, the newest first. */
export async function listMails(
  { database, mail }: Parts, organisationId: string, query: PageQuery,
): Promise<Page<Mail>> {
  const cursor = decodeCursor(query.cursor, 'none')
  const asked = eq(mails.organisationId, organisationId)
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx.select({ ...columns, total: countAll(mails, asked, cursor) }).from(mails)
      .leftJoin(jobs, eq(jobs.id, mails.jobId))
      .where(and(asked, cursor ? lt(mails.id, cursor[1]) : undefined))
      .orderBy(desc(mails.id)).limit(query.limit + 1),
  )
  return toPage(rows, query, row => ['', row.mail.id], row => toMail(mail, row))
}

/**
 * One mail with its text, for an owner who passes it on because there is no mail server. The link is in it,
 * so reading it is an audit entry. The text of a mail that a server sends is nobody's but the recipient's.
 * @throws {NotFoundError}
 */
export async function readMail(
  { database, mail }: Parts, organisationId: string, id: string,
): Promise<MailWithText> {
  const queries = database.inOrganisation(organisationId)
  const [row] = await queries.read(tx => (
    tx.select(columns).from(mails).leftJoin(jobs, eq(jobs.id, mails.jobId)).where(eq(mails.id, id))
  ))
  if (!row) throw new NotFoundError('mail')
  const { text } = row.mail.jobId ? { text: null } : mail.read(row.mail)
  if (text !== null) {
    await queries.write(async (tx) => {
      await recordAudit(tx, {
        organisationId, action: 'mail.read', subject: { type: 'mail', id, label: row.mail.recipient },
        after: { template: row.mail.template },
      })
      return {}
    })
  }
  return { ...toMail(mail, row), text }
}

function toMail(outbox: MailOutbox, { mail, job }: Row): Mail {
  const isOver = job && ['failed', 'cancelled'].includes(job.state)
  return {
    id: mail.id,
    recipient: mail.recipient,
    subject: outbox.read(mail).subject,
    state: mail.jobId === null ? 'shown' : mail.sentAt ? 'sent' : isOver ? 'failed' : 'waiting',
    reason: mail.sentAt ? null : job?.reason ?? null,
    createdAt: mail.createdAt.toISOString(),
    sentAt: mail.sentAt?.toISOString() ?? null,
  }
}
