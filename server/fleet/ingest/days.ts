import { sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'

const dayMs = 86_400_000

/** As far back as the database makes partitions: see migration 16. */
const furthestDays = 800

/** What is younger, a job makes ahead. */
const youngestDays = 1

/** A day that could not be made now is not asked for with every batch. */
const askAgainMs = 600_000

/** In one batch: the rest goes into the default partition, from which the job takes it. */
const mostAtOnce = 16

/**
 * Sees to it that the days of old fixes have their partitions before they are written: otherwise a history
 * that is sent later would pile up in the default partition, which is looked through whenever a partition is
 * made. Each day is asked for once; without its partition the fix is stored all the same.
 */
export function createPositionDays(database: Database) {
  const asked = new Map<string, number>()

  return {
    async prepare(times: Date[], now = Date.now()): Promise<void> {
      const days = new Set(times.map(time => time.getTime())
        .filter(time => time >= now - furthestDays * dayMs && time < now - youngestDays * dayMs)
        .map(time => new Date(time).toISOString().slice(0, 10)))
      const wanted = [...days].filter(day => (asked.get(day) ?? 0) <= now).slice(0, mostAtOnce)
      if (wanted.length === 0) return
      if (asked.size > 2 * furthestDays) asked.clear()
      for (const day of wanted) asked.set(day, now + askAgainMs)
      await database.write(
        tx => tx.execute(sql`SELECT make_position_days(${sql.param(wanted)}::date[])`).then(() => null),
        { repeatable: true },
      ).catch(() => {})
    },
  }
}
