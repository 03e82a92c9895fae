/**
 * The queue, statement by statement. Terms: a job is *queued* until an instance *takes* it; from then on it
 * is *running* under a *lease*, a value that nobody else knows and that must be renewed (*heartbeat*).
 * Whoever ends a job names its lease in the statement that does so: an instance that has lost the job
 * meanwhile (frozen, cut off, cancelled) changes nothing any more. docs/jobs.md has the whole of it.
 *
 * Only the transaction that ends a job has the job's effect. So a job may be begun more than once, and is
 * done once.
 */
import { and, eq, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Database, Queries, Transaction } from '#server/database/port.ts'
import { jobs } from '#server/database/schema/jobs.ts'
import type { JobState } from '#shared/jobs.ts'
import type { FinishJob, JobKind } from './kind.ts'

/** What a worker holds of a job that it has taken. */
export interface TakenJob {
  id: string
  organisationId: string | null
  kind: string
  input: unknown
  attempt: number
  maxAttempts: number
  lease: string
  requestedBy: { id: string, name: string } | null
  createdAt: Date
}

export interface Progress { done: number, total: number | null }

/** Tells the organisation's browsers, in the same transaction, that a job has changed. */
export type TellOfJob = (
  tx: Transaction, organisationId: string, id: string, change: 'created' | 'updated',
) => Promise<void>

/** The job is not this worker's any more: cancelled, handed on after its lease, or deleted. */
export class LeaseLostError extends Error {}

/**
 * Asks for a job, in the transaction of the change that needs it: there is no change without its job, and no
 * job without its change. Resolves to the job's id.
 */
export async function enqueue<Input>(
  tx: Transaction, kind: JobKind<Input>,
  { organisationId, input, runAt, requestedBy }: {
    organisationId: string | null
    input: Input
    runAt?: Date
    requestedBy?: { id: string, name: string }
  },
): Promise<string> {
  const id = uuidv7()
  await tx.insert(jobs).values({
    id,
    organisationId,
    kind: kind.name,
    input,
    maxAttempts: kind.maxAttempts,
    // The database's clock, which the workers look at too.
    runAt: runAt ?? sql`now()` as unknown as Date,
    requestedBy: requestedBy?.id,
    requestedByName: requestedBy?.name,
  })
  return id
}

/** Rows of every organisation: for the workers alone. */
export function forWorkers(database: Database): Queries {
  return database.withKey('jobs', 'on')
}

/** Under the row-level security of the job's organisation, so that its effect stays in there. */
export function queriesOf(database: Database, { organisationId }: Pick<TakenJob, 'organisationId'>): Queries {
  return organisationId ? database.inOrganisation(organisationId) : forWorkers(database)
}

type TakenRow = {
  id: string
  organisation_id: string | null
  kind: string
  input: unknown
  attempts: number
  max_attempts: number
  lease: string
  requested_by: string | null
  requested_by_name: string | null
  created: number
}

/**
 * Takes up to `limit` due jobs of these kinds, the longest due first, for `leaseSeconds`, past those that
 * another instance is taking. @param lease is made by the caller, anew for each call: where the answer is
 * lost, the repeat finds by it what the first attempt has taken.
 */
export async function takeJobs(
  database: Database,
  { lease, kinds, limit, leaseSeconds, instance }: {
    lease: string
    kinds: readonly string[]
    limit: number
    leaseSeconds: number
    instance: string
  },
): Promise<TakenJob[]> {
  let isRepeat = false
  const columns = sql`id, organisation_id, kind, input, attempts, max_attempts, lease, requested_by,
    requested_by_name, extract(epoch FROM created_at)::float8 * 1000 AS created`
  const rows = await forWorkers(database).write(async (tx) => {
    if (isRepeat) {
      const { rows } = await tx.execute<TakenRow>(sql`SELECT ${columns} FROM jobs WHERE lease = ${lease}`)
      if (rows.length) return rows
    }
    isRepeat = true
    return (await tx.execute<TakenRow>(sql`
      UPDATE jobs SET state = 'running', lease = ${lease}, instance = ${instance}, attempts = attempts + 1,
        lease_until = now() + make_interval(secs => ${leaseSeconds}), started_at = now()
      WHERE id IN (
        SELECT id FROM jobs
        WHERE state = 'queued' AND run_at <= now() AND kind = ANY(${textArray(kinds)})
        ORDER BY run_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING ${columns}`)).rows
  }, { repeatable: true })
  return rows.map(row => ({
    id: row.id,
    organisationId: row.organisation_id,
    kind: row.kind,
    input: row.input,
    attempt: row.attempts,
    maxAttempts: row.max_attempts,
    lease: row.lease,
    requestedBy: row.requested_by ? { id: row.requested_by, name: row.requested_by_name ?? '' } : null,
    createdAt: new Date(row.created),
  }))
}

/** An array that PostgreSQL reads from one parameter; drizzle would make a list of it. */
export function textArray(values: readonly string[]) {
  return sql`string_to_array(${values.join(',')}, ',')`
}

/** How a job looks whose lease has run out. `failed`: it has been begun as often as it may. */
export type ReapedJob = { id: string, kind: string, state: 'queued' | 'failed' }

const instanceEnded = 'The instance that ran it ended or lost the database.'

/** Frees jobs whose instance has not renewed its lease: they are queued again, or given up. */
export async function reapJobs(database: Database, tell: TellOfJob): Promise<ReapedJob[]> {
  const expired = await forWorkers(database).write(async tx => (
    await tx.execute<ReapedJob & { organisation_id: string | null }>(sql`
      UPDATE jobs SET lease = NULL, lease_until = NULL, run_at = now(), reason = ${instanceEnded},
        state = CASE WHEN attempts >= max_attempts THEN 'failed' ELSE 'queued' END,
        finished_at = CASE WHEN attempts >= max_attempts THEN now() END
      WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < now()
        ORDER BY lease_until LIMIT 100 FOR UPDATE SKIP LOCKED)
      RETURNING id, kind, state, organisation_id`)
  ).rows, { repeatable: true })
  // Told apart from it: row-level security lets one transaction write one organisation's events.
  for (const { id, organisation_id: organisationId } of expired) {
    if (!organisationId) continue
    await database.inOrganisation(organisationId)
      .write(tx => tell(tx, organisationId, id, 'updated'), { repeatable: true })
  }
  return expired.map(({ id, kind, state }) => ({ id, kind, state }))
}

/** The job, for whoever holds its lease. */
function ifHeld({ id, lease }: Pick<TakenJob, 'id' | 'lease'>) {
  return and(eq(jobs.id, id), eq(jobs.lease, lease))
}

/**
 * Renews the lease, and stores how far the job has come. @throws {LeaseLostError}
 */
export async function renewLease(
  database: Database, job: TakenJob,
  { leaseSeconds, progress, tell }: { leaseSeconds: number, progress: Progress | null, tell: TellOfJob },
): Promise<void> {
  await queriesOf(database, job).write(async (tx) => {
    const { rowCount } = await tx.update(jobs).set({
      leaseUntil: sql`now() + make_interval(secs => ${leaseSeconds})`,
      ...progress ? { progressDone: progress.done, progressTotal: progress.total } : {},
    }).where(ifHeld(job))
    if (!rowCount) throw new LeaseLostError()
    if (progress && job.organisationId) await tell(tx, job.organisationId, job.id, 'updated')
    return {}
  }, { repeatable: true })
}

/**
 * Ends the job as done, with its effect, in one transaction. Where the connection is lost at COMMIT the
 * router's record of the operation tells whether it was made, so it is made once. @throws {LeaseLostError}
 */
export async function completeJob(
  database: Database, job: TakenJob,
  { finish, progress, tell }: { finish: FinishJob | null, progress: Progress | null, tell: TellOfJob },
): Promise<void> {
  await queriesOf(database, job).write(async (tx) => {
    // First the job: whoever would hand it on or cancel it waits for this transaction, and finds it done.
    const { rowCount } = await tx.update(jobs).set({
      ...ended('done'), reason: null,
      ...progress ? { progressDone: progress.done, progressTotal: progress.total } : {},
    }).where(ifHeld(job))
    if (!rowCount) throw new LeaseLostError()
    const outcome = finish && await finish(tx)
    if (outcome) {
      const { result, file } = outcome
      await tx.update(jobs).set({
        result: result ?? null,
        ...file
          ? { fileKey: file.key, fileName: file.name, fileBytes: file.bytes, fileExpiresAt: file.expiresAt }
          : {},
      }).where(eq(jobs.id, job.id))
    }
    if (job.organisationId) await tell(tx, job.organisationId, job.id, 'updated')
    return {}
  })
}

/**
 * The attempt has failed: the job is tried again after `retryAfterSeconds`, or given up (null).
 * @throws {LeaseLostError}
 */
export async function failJob(
  database: Database, job: TakenJob,
  { reason, retryAfterSeconds, tell }: { reason: string, retryAfterSeconds: number | null, tell: TellOfJob },
): Promise<void> {
  await queriesOf(database, job).write(async (tx) => {
    const { rowCount } = await tx.update(jobs).set(retryAfterSeconds === null
      ? { ...ended('failed'), reason }
      : {
          state: 'queued', lease: null, leaseUntil: null, reason,
          runAt: sql`now() + make_interval(secs => ${retryAfterSeconds})`,
        },
    ).where(ifHeld(job))
    if (!rowCount) throw new LeaseLostError()
    if (job.organisationId) await tell(tx, job.organisationId, job.id, 'updated')
    return {}
  }, { repeatable: true })
}

/** Gives the job back unharmed, for another instance to begin at once. Nothing if it is lost already. */
export async function handBackJob(database: Database, job: TakenJob, tell: TellOfJob): Promise<void> {
  await queriesOf(database, job).write(async (tx) => {
    const { rowCount } = await tx.update(jobs).set({
      state: 'queued', lease: null, leaseUntil: null, runAt: sql`now()`,
      attempts: sql`${jobs.attempts} - 1`, progressDone: null, progressTotal: null,
    }).where(ifHeld(job))
    if (rowCount && job.organisationId) await tell(tx, job.organisationId, job.id, 'updated')
    return {}
  }, { repeatable: true })
}

/** What every end of a job has in common. */
export function ended(state: Extract<JobState, 'done' | 'failed' | 'cancelled'>) {
  return { state, lease: null, leaseUntil: null, finishedAt: sql`now()` as unknown as Date }
}

/** How things stand with the jobs of all organisations. */
export interface QueueState {
  queued: number
  running: number
  /** Given up within the last day. */
  failed: number
  /** Of the one that has been due, or without an instance, the longest. 0: none is. */
  oldestSeconds: number
}

/** How the queue stands. May be some moments old. */
export async function queueState(database: Database): Promise<QueueState> {
  return forWorkers(database).read(async (tx) => {
    const { rows } = await tx.execute<QueueState & Record<string, unknown>>(sql`
      SELECT count(*) FILTER (WHERE state = 'queued')::int AS queued,
        count(*) FILTER (WHERE state = 'running')::int AS running,
        count(*) FILTER (WHERE state = 'failed')::int AS failed,
        greatest(0, coalesce(extract(epoch FROM now() - least(
          min(run_at) FILTER (WHERE state = 'queued'),
          min(lease_until) FILTER (WHERE state = 'running'))), 0))::float8 AS "oldestSeconds"
      FROM jobs
      WHERE state IN ('queued', 'running') OR (state = 'failed' AND finished_at > now() - interval '1 day')`)
    return rows[0]!
  }, { consistency: 'eventual' })
}

/** Deletes what ended longer ago than it is kept. Resolves to the number. A job with a file waits for it. */
export async function deleteOldJobs(
  tx: Transaction, { ownDays, keptDays }: { ownDays: number, keptDays: number },
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    DELETE FROM jobs WHERE file_key IS NULL AND finished_at < now() - make_interval(
      days => CASE WHEN organisation_id IS NULL THEN ${ownDays}::int ELSE ${keptDays}::int END)`)
  return rowCount ?? 0
}
