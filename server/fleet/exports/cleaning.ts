import { and, eq, inArray, isNotNull, lt, sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { jobs } from '#server/database/schema/jobs.ts'
import type { FinishJob, JobKind } from '#server/jobs/kind.ts'
import { forWorkers } from '#server/jobs/queue.ts'
import type { Storage } from '#server/storage/port.ts'

export const fileCleaning: JobKind<object> = { name: 'file-cleaning', maxAttempts: 3 }

/** Of one run: the next one, an hour later, goes on. */
const maxInRun = 1_000

/**
 * Deletes the files of exports that are not kept any longer: first the file, then the word of it, so that a
 * run that ends in between is made good by the next. Files that no job knows (an attempt died after it had
 * written its own) go once no attempt of their job can be at work any more. So does what anybody has left
 * half written.
 */
export async function cleanFiles(
  { database, storage }: { database: Database, storage: Storage },
): Promise<FinishJob> {
  await storage.removeHalves()
  const expired = await forWorkers(database).read(tx => (
    tx.select({ id: jobs.id, key: jobs.fileKey }).from(jobs)
      .where(and(isNotNull(jobs.fileKey), lt(jobs.fileExpiresAt, sql`now()`))).limit(maxInRun)
  ))
  for (const { key } of expired) await storage.delete(key!)

  const keys = await storage.list('exports/')
  const old = keys.filter(key => ageMs(jobIdIn(key)) > 86_400_000).slice(0, maxInRun)
  const known = await forWorkers(database).read(tx => (
    tx.select({ key: jobs.fileKey }).from(jobs).where(inArray(jobs.fileKey, [...old, '']))
  ))
  const kept = new Set(known.map(({ key }) => key))
  // Retried by hand, a job of long ago may be at work: its own first look clears its folder.
  const open = await forWorkers(database).read(tx => (
    tx.select({ id: jobs.id }).from(jobs).where(inArray(jobs.state, ['queued', 'running']))
  ))
  const busy = new Set(open.map(({ id }) => id))
  for (const key of old) if (!kept.has(key) && !busy.has(jobIdIn(key))) await storage.delete(key)

  return async (tx) => {
    for (const { id, key } of expired)
      await tx.update(jobs).set({ fileKey: null }).where(and(eq(jobs.id, id), eq(jobs.fileKey, key!)))
    return { result: { deleted: expired.length } }
  }
}

function jobIdIn(key: string): string {
  return key.split('/')[2] ?? ''
}

/** A UUIDv7 begins with the milliseconds of its making. */
function ageMs(id: string): number {
  return Date.now() - Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
}
