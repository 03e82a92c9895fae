/** Jobs as the members of an organisation see them: the list, an end before its time, another try. */
import { and, count, desc, eq, inArray, lt, sql, type SQL } from 'drizzle-orm'
import type { Readable } from 'node:stream'
import { recordAudit } from '#server/audit/record.ts'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { jobs } from '#server/database/schema/jobs.ts'
import { ended } from '#server/jobs/queue.ts'
import type { Storage } from '#server/storage/port.ts'
import { ConflictError, ForbiddenError, NotFoundError } from '#shared/errors.ts'
import { may, type Permission, type Role } from '#shared/roles.ts'
import type { Page } from '#shared/schemas/common.ts'
import { jobNames, type AuditAction } from '#shared/features.ts'
import type { Job, JobQuery } from '#shared/jobs.ts'
import { recordChange } from '#server/live/changes.ts'

type Row = typeof jobs.$inferSelect

/** Who may have what a job of this kind has left. */
const filePermissions: Record<string, Permission> = { 'audit-export': 'audit:read' }

/** The organisation's jobs, the newest first. */
export async function listJobs(
  { database }: { database: Database }, organisationId: string, query: JobQuery,
): Promise<Page<Job>> {
  const cursor = decodeCursor(query.cursor, 'none')
  const asked = and(
    eq(jobs.organisationId, organisationId), query.state ? eq(jobs.state, query.state) : undefined,
  )
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx.select({ job: jobs, total: countAll(jobs, asked, cursor) }).from(jobs)
      .where(and(asked, cursor ? lt(jobs.id, cursor[1]) : undefined))
      .orderBy(desc(jobs.id)).limit(query.limit + 1),
  )
  return toPage(rows, query, ({ job }) => ['', job.id], ({ job }) => toJob(job))
}

/** @throws {NotFoundError} also for another organisation's. */
export async function getJob(
  { database }: { database: Database }, organisationId: string, id: string,
): Promise<Job> {
  const [row] = await database.inOrganisation(organisationId).read(tx => (
    tx.select().from(jobs).where(eq(jobs.id, id))
  ))
  if (!row) throw new NotFoundError('job')
  return toJob(row)
}

/** The same inside of a transaction of the organisation. @throws {NotFoundError} */
export async function findJob(tx: Transaction, id: string): Promise<Job> {
  return toJob(await rowOf(tx, id))
}

/** How many jobs of a kind wait or run. */
export async function countOpenJobs(tx: Transaction, organisationId: string, kind: string): Promise<number> {
  const [row] = await tx.select({ open: count() }).from(jobs).where(and(
    eq(jobs.organisationId, organisationId), eq(jobs.kind, kind), inArray(jobs.state, ['queued', 'running']),
  ))
  return row!.open
}

/**
 * Ends a job that is not done: it has no effect any more from then on, also where an instance is at work on
 * it. @throws {NotFoundError}; {ConflictError} once it has ended.
 */
export async function cancelJob(
  { database }: { database: Database }, organisationId: string, id: string,
): Promise<Job> {
  return change(database, organisationId, id, {
    from: ['queued', 'running'], set: ended('cancelled'), action: 'job.cancelled',
    refusal: 'This job has already ended.',
  })
}

/** Begins a job anew that was given up or cancelled. @throws {NotFoundError}; {ConflictError} otherwise. */
export async function retryJob(
  { database }: { database: Database }, organisationId: string, id: string,
): Promise<Job> {
  return change(database, organisationId, id, {
    from: ['failed', 'cancelled'],
    set: {
      state: 'queued', attempts: 0, reason: null, finishedAt: null, progressDone: null, progressTotal: null,
      runAt: now(), schedule: null,
    },
    action: 'job.retried', refusal: 'Only a job that failed or was cancelled can be retried.',
  })
}

async function change(
  database: Database, organisationId: string, id: string,
  { from, set, action, refusal }: {
    from: Row['state'][]
    set: Partial<Record<keyof Row, unknown>>
    action: AuditAction
    refusal: string
  },
): Promise<Job> {
  return database.inOrganisation(organisationId).write(async (tx) => {
    const before = await rowOf(tx, id)
    const [row] = await tx.update(jobs).set(set as Partial<Row>)
      .where(and(eq(jobs.id, id), inArray(jobs.state, from))).returning()
    if (!row) throw new ConflictError(refusal)
    await recordAudit(tx, {
      organisationId, action, subject: subjectOf(row),
      before: { state: before.state }, after: { state: row.state },
    })
    await recordChange(tx, organisationId, { type: 'job', id, change: 'updated' })
    return toJob(row)
  })
}

/** What a job has left, as a stream with its name. The download stands in the audit log. */
export interface JobFile { name: string, bytes: number, contentType: string, content: Readable }

/**
 * Opens what a job has left, for a member with this role.
 * @throws {ForbiddenError} for a role that may not see it; {NotFoundError} where there is none (any more).
 */
export async function openJobFile(
  { database, storage }: { database: Database, storage: Storage },
  { organisationId, role }: { organisationId: string, role: Role }, id: string,
): Promise<JobFile> {
  const queries = database.inOrganisation(organisationId)
  const [row] = await queries.read(tx => tx.select().from(jobs).where(eq(jobs.id, id)))
  if (!row) throw new NotFoundError('job')
  const permission = filePermissions[row.kind]
  if (permission && !may(role, permission)) throw new ForbiddenError()
  const isKept = row.fileKey !== null && row.fileExpiresAt! > new Date()
  const file = isKept ? await storage.get(row.fileKey!) : null
  if (!file) throw new NotFoundError('file, or it is no longer kept')
  try {
    await queries.write(async (tx) => {
      await recordAudit(tx, {
        // A kind that leaves a file describes what is written of its download.
        organisationId, action: `${row.kind}.downloaded` as AuditAction, subject: subjectOf(row),
        after: { file: row.fileName },
      })
      return {}
    })
  }
  catch (error) {
    file.content.destroy()
    throw error
  }
  return { name: row.fileName!, bytes: file.bytes, contentType: file.contentType, content: file.content }
}

async function rowOf(tx: Transaction, id: string): Promise<Row> {
  const [row] = await tx.select().from(jobs).where(eq(jobs.id, id))
  if (!row) throw new NotFoundError('job')
  return row
}

/** What people call a job of the kind. */
export function subjectOf({ id, kind }: Pick<Row, 'id' | 'kind'>) {
  return { type: 'job', id, label: jobNames[kind] ?? kind }
}

function now(): SQL {
  return sql`now()`
}

function toJob(row: Row): Job {
  const isKept = row.fileKey !== null && row.fileExpiresAt! > new Date()
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    progress: row.progressDone === null ? null : { done: row.progressDone, total: row.progressTotal },
    attempts: row.attempts,
    maxAttempts: row.maxAttempts,
    reason: row.reason,
    runAt: row.runAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    requestedBy: row.requestedBy ? { id: row.requestedBy, name: row.requestedByName ?? '' } : null,
    file: isKept
      ? { name: row.fileName!, bytes: row.fileBytes!, expiresAt: row.fileExpiresAt!.toISOString() }
      : null,
  }
}
