import { v7 as uuidv7 } from 'uuid'
import type { Database, Queries, Transaction } from '#server/database/port.ts'
import { placeholders, prepared } from '#server/database/prepared.ts'
import { outbox } from '#server/database/schema/outbox.ts'
import { currentContext } from '#server/telemetry/context.ts'
import type { LiveEvents } from '#shared/live.ts'

/** One row of the outbox whose transaction is committed: what to tell the organisation's browsers. */
export interface OutboxEntry {
  /** The row's id, and the event's: whoever hears of it twice knows it by this. */
  id: string
  organisationId: string
  name: 'changed' | 'positions' | 'resync'
  data: Record<string, unknown>
}

const insertEntry = prepared(db =>
  db.insert(outbox).values(placeholders(['id', 'organisationId', 'name', 'data'])))

/** What a transaction has recorded, for the instance that commits it. */
const recorded = new WeakMap<Transaction, OutboxEntry[]>()

/**
 * Writes into the outbox what the organisation's browsers are to be told, in the transaction of the change:
 * it is told if and only if the change is committed, even if this instance ends the moment after.
 */
export async function recordChange(
  tx: Transaction,
  organisationId: string,
  ...changes: LiveEvents['changed'][]
): Promise<void> {
  const entries = changes.map((data): OutboxEntry => ({
    id: uuidv7(),
    organisationId,
    name: 'changed',
    data,
  }))
  if (entries.length === 0) return
  const [only] = entries
  const written = entries.length === 1
    ? insertEntry(tx, { ...only })
    : tx.insert(outbox).values(entries)
  recorded.set(tx, [...(recorded.get(tx) ?? []), ...entries])
  await written
}

/** The same for more changes than are worth telling one by one: browsers fetch what they show anew. */
export async function recordResync(tx: Transaction, organisationId: string): Promise<void> {
  const entry: OutboxEntry = { id: uuidv7(), organisationId, name: 'resync', data: {} }
  await tx.insert(outbox).values(entry)
  recorded.set(tx, [...recorded.get(tx) ?? [], entry])
}

/**
 * The database, telling `publish` of what each committed transaction has recorded, with the consistency token
 * of that commit. Who uses the bare database instead loses no event: another instance publishes it seconds
 * later.
 */
export function publishingAfterCommit<D extends Database>(
  database: D,
  publish: (entries: OutboxEntry[], consistencyToken: string | null) => void,
): D {
  const wrap = (queries: Queries): Queries => ({
    read: queries.read,
    async write(fn, options) {
      let entries: OutboxEntry[] = []
      const value = await queries.write(async (tx) => {
        // Run again after a failure it records anew; not run because its outcome is known, what it recorded
        // the first time holds.
        const result = await fn(tx)
        entries = recorded.get(tx) ?? []
        return result
      }, options)
      if (entries.length) publish(entries, currentContext()?.consistencyToken ?? null)
      return value
    },
  })
  return {
    ...database,
    ...wrap(database),
    inOrganisation: id => wrap(database.inOrganisation(id)),
    withKey: (key, value) => wrap(database.withKey(key, value)),
  }
}
