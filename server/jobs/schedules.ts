/**
 * Schedules: five fields of cron in a time zone, read by croner (no dependencies; Nitro brings it anyway).
 * Each instance looks; the one that finds a schedule due makes its job and says when it is due next, in one
 * transaction. What was missed while no instance ran is made up for once and not once for each time.
 */
import { Cron } from 'croner'
import { and, eq, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Database, Transaction } from '#server/database/port.ts'
import { jobs, jobSchedules } from '#server/database/schema/jobs.ts'
import type { JobKind } from './kind.ts'
import { forWorkers, textArray } from './queue.ts'

/**
 * The first moment after `after` at which the zone's clock shows what `cron` says. On a day of 23 hours an
 * hour that is left out is made up for right after it; on one of 25 hours a time of day that comes twice
 * counts once.
 * @throws {TypeError} where `cron` is none, or never comes.
 */
export function nextTime(cron: string, timeZone: string, after: Date): Date {
  const next = new Cron(cron, { timezone: timeZone, mode: '5-part' }).nextRun(after)
  if (!next) throw new TypeError(`"${cron}" never comes`)
  return next
}

export interface Schedule<Input> {
  /** Of its own, in all of the program. */
  name: string
  organisationId: string | null
  kind: JobKind<Input>
  input: Input
  cron: string
  timeZone: string
}

/**
 * Sets a schedule up, or changes it. One that says the same already goes on as it was: its next time stays.
 */
export async function putSchedule<Input>(tx: Transaction, schedule: Schedule<Input>): Promise<void> {
  const { name, organisationId, kind, input, cron, timeZone } = schedule
  const values = {
    organisationId, kind: kind.name, input, maxAttempts: kind.maxAttempts, cron, timeZone,
    nextAt: nextTime(cron, timeZone, new Date()),
  }
  await tx.insert(jobSchedules).values({ name, ...values }).onConflictDoUpdate({
    target: jobSchedules.name,
    set: {
      ...values,
      nextAt: sql`CASE WHEN ${jobSchedules.cron} = excluded.cron AND ${jobSchedules.timeZone} = excluded.time_zone
        THEN ${jobSchedules.nextAt} ELSE excluded.next_at END`,
    },
  })
}

/** Ends a schedule. What it has made already stays. */
export async function removeSchedule(tx: Transaction, name: string): Promise<void> {
  await tx.delete(jobSchedules).where(eq(jobSchedules.name, name))
}

/** The organisation's clock is another one from now on: its schedules keep their time of day. */
export async function rezoneSchedules(
  tx: Transaction, organisationId: string, timeZone: string,
): Promise<void> {
  const ofIt = eq(jobSchedules.organisationId, organisationId)
  for (const { name, cron } of await tx.select().from(jobSchedules).where(ofIt)) {
    await tx.update(jobSchedules)
      .set({ timeZone, nextAt: nextTime(cron, timeZone, new Date()) })
      .where(and(ofIt, eq(jobSchedules.name, name)))
  }
}

type DueRow = {
  name: string
  organisation_id: string | null
  kind: string
  input: unknown
  max_attempts: number
  cron: string
  time_zone: string
  /** The database's clock, which all instances share. */
  now: number
}

/**
 * Makes the jobs of the schedules that are due. Resolves to how many schedules were. One whose last job is
 * still open makes none this time.
 */
export async function fireSchedules(database: Database, kinds: readonly string[]): Promise<number> {
  return forWorkers(database).write(async (tx) => {
    const { rows } = await tx.execute<DueRow>(sql`
      SELECT name, organisation_id, kind, input, max_attempts, cron, time_zone,
        extract(epoch FROM now())::float8 * 1000 AS now
      FROM job_schedules WHERE next_at <= now() AND kind = ANY(${textArray(kinds)})
      ORDER BY next_at LIMIT 50 FOR UPDATE SKIP LOCKED`)
    for (const { name, kind, input, cron, ...row } of rows) {
      await tx.insert(jobs).values({
        id: uuidv7(), organisationId: row.organisation_id, kind, input, maxAttempts: row.max_attempts,
        schedule: name, runAt: sql`now()` as unknown as Date,
      }).onConflictDoNothing()
      await tx.update(jobSchedules).set({ nextAt: nextTime(cron, row.time_zone, new Date(row.now)) })
        .where(eq(jobSchedules.name, name))
    }
    return rows.length
  }, { repeatable: true })
}
