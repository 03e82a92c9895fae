import { sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { forWorkers } from '#server/jobs/queue.ts'

/** A month: by then whoever looks for what went wrong has looked. */
const keptDays = 31

/** In one transaction; the next one, or the next run an hour later, goes on. */
const atOnce = 5_000
const maxInRun = 200_000

/** Those that were refused, quarantined or not believed are kept as their organisation says. */
const tables = {
  recorded_messages: 'received_at',
  unknown_devices: 'last_seen_at',
}

/** Deletes messages that were recorded, and unknown devices, once they are old. Resolves to their number. */
export async function deleteOldMessages(database: Database): Promise<number> {
  let deleted = 0
  for (const [table, age] of Object.entries(tables)) {
    let last = atOnce
    while (last === atOnce && deleted < maxInRun) {
      last = await forWorkers(database).write(async (tx) => {
        const { rowCount } = await tx.execute(sql`
          DELETE FROM ${sql.identifier(table)} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM ${sql.identifier(table)}
            WHERE ${sql.identifier(age)} < now() - make_interval(days => ${keptDays}::int)
            LIMIT ${atOnce} FOR UPDATE SKIP LOCKED))`)
        return rowCount ?? 0
      }, { repeatable: true })
      deleted += last
    }
  }
  return deleted
}
