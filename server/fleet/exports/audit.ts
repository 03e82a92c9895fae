/**
 * The export of the audit log: asked for by somebody who may read it, written by a job, kept for a week.
 * Asking and each download stand in the audit log themselves: who has carried it out of the house is known.
 */
import { Readable } from 'node:stream'
import { listAuditEntries } from '#server/audit/list.ts'
import { recordAudit } from '#server/audit/record.ts'
import type { Database } from '#server/database/port.ts'
import { currentRole } from '#server/identity/authority.ts'
import type { Member } from '#server/identity/member.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { enqueue } from '#server/jobs/queue.ts'
import type { Storage } from '#server/storage/port.ts'
import { ConflictError, InvalidInputError } from '#shared/errors.ts'
import type { AuditEntry } from '#shared/audit.ts'
import type { AuditExportCreate, Job } from '#shared/jobs.ts'
import { recordChange } from '#server/live/changes.ts'
import { countOpenJobs, findJob, subjectOf } from '../jobs/jobs.ts'
import { byteOrderMark, csvLines } from './csv.ts'

export const auditExport: JobKind<AuditExportCreate> = { name: 'audit-export', maxAttempts: 5 }

const keptDays = 7

/** Spreadsheets open a million rows, and nobody reads them: a shorter period is the better question. */
const maxRows = 200_000

/** More than a page of the list may have: what a page costs beside its rows counts for less. */
const pageSize = 1_000

/** Of one organisation, waiting or running: others' exports wait behind them. */
const maxOpen = 5

/**
 * Asks for an export.
 * @throws {InvalidInputError} for a time that ends before it begins; {ConflictError} while too many wait.
 */
export async function requestAuditExport(
  { database }: { database: Database }, { organisationId, userId, name }: Member, input: AuditExportCreate,
): Promise<Job> {
  const { from, to } = input
  if (from && to && new Date(from) >= new Date(to))
    throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
  return database.inOrganisation(organisationId).write(async (tx) => {
    if (await countOpenJobs(tx, organisationId, auditExport.name) >= maxOpen)
      throw new ConflictError(
        `${maxOpen} exports are already in progress. Wait for one to finish, or cancel one.`,
      )
    const id = await enqueue(tx, auditExport, {
      organisationId, input, requestedBy: { id: userId, name },
    })
    await recordAudit(tx, {
      organisationId, action: 'audit-export.requested', subject: subjectOf({ id, kind: auditExport.name }),
      after: input,
    })
    await recordChange(tx, organisationId, { type: 'job', id, change: 'created' })
    return findJob(tx, id)
  })
}

const header = [
  'Time (UTC)', 'Action', 'User', 'User ID', 'Subject type', 'Subject', 'Subject ID', 'Before', 'After',
  'IP address', 'Request ID',
]

/** Writes the file, page by page, and leaves it with the job. */
export async function runAuditExport(
  { database, storage }: { database: Database, storage: Storage }, job: RunningJob<AuditExportCreate>,
): Promise<FinishJob> {
  const { createdAt, requestedBy } = job
  const organisationId = job.organisationId!
  const folder = exportFolder(organisationId, job.id)
  // An attempt that died after it had written its file.
  for (const key of await storage.list(`${folder}/`)) await storage.delete(key)

  // As it was when it was asked for: what is written meanwhile would move the pages.
  const asked = createdAt.toISOString()
  const { format: _, ...input } = job.input
  const isOver = input.to && new Date(input.to) < createdAt
  const filters = { ...input, to: isOver ? input.to : asked }
  let rows = 0
  async function* lines() {
    yield byteOrderMark + csvLines([header])
    let cursor: string | undefined
    let total: number | null = null
    do {
      job.signal.throwIfAborted()
      const query = { ...filters, cursor, limit: pageSize }
      const page = await listAuditEntries({ database }, organisationId, query)
      total ??= page.total
      rows += page.items.length
      if (rows > maxRows)
        throw new InvalidInputError(
          [{ path: 'from', message: 'must be later' }],
          `There are more than ${maxRows.toLocaleString('en-GB')} entries. Choose a shorter period.`,
        )
      if (page.items.length) yield csvLines(page.items.map(toRow))
      job.progress(rows, total)
      cursor = page.nextCursor ?? undefined
    } while (cursor)
  }
  const key = `${folder}/${job.lease}.csv`
  const { bytes } = await storage.put(key, Readable.from(lines()), { contentType: 'text/csv; charset=utf-8' })
  const name = `audit-log-${asked.slice(0, 10)}.csv`
  const expiresAt = new Date(Date.now() + keptDays * 86_400_000)
  return async (tx) => {
    // Whoever asked may have lost the right since.
    await currentRole(tx, { userId: requestedBy!.id, organisationId }, 'audit:read')
    await recordAudit(tx, {
      organisationId, action: 'audit-export.completed',
      subject: subjectOf({ id: job.id, kind: auditExport.name }), after: { rows },
    })
    return { result: { rows }, file: { key, name, bytes, expiresAt } }
  }
}

/** Where the files of one job's attempts are kept. */
export function exportFolder(organisationId: string, jobId: string): string {
  return `exports/${organisationId}/${jobId}`
}

function toRow({ at, action, actor, subject, before, after, ipAddress, requestId }: AuditEntry) {
  const json = (value: object | null) => value && JSON.stringify(value)
  return [
    at, action, actor.name, actor.id, subject.type, subject.label, subject.id, json(before), json(after),
    ipAddress, requestId,
  ]
}
