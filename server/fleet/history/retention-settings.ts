import { eq, sql, type SQL } from 'drizzle-orm'
import { changesNothing, recordAudit } from '#server/audit/record.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { organisations } from '#server/database/schema/identity.ts'
import { lockAuthority } from '#server/identity/authority.ts'
import type { Member } from '#server/identity/member.ts'
import { recordChange } from '#server/live/changes.ts'
import { ConflictError, NotFoundError } from '#shared/errors.ts'
import {
  mostCounted, type Retention, type RetentionPreview, type RetentionSettings, type RetentionUpdate,
} from '#shared/retention.ts'

/** A setting that deletes more than the one before waits so long: it can be taken back. */
const graceMs = 86_400_000

type Row = typeof organisations.$inferSelect

/** How long the organisation keeps what its devices say. */
export function readRetention(
  { database }: { database: Database }, organisationId: string,
): Promise<Retention> {
  return database.inOrganisation(organisationId).read(async tx => toRetention(await find(tx, organisationId)))
}

/** What a setting would delete of what there is now. Nothing is changed. */
export function previewRetention(
  { database }: { database: Database }, organisationId: string, wanted: RetentionSettings,
): Promise<RetentionPreview> {
  return database.inOrganisation(organisationId).read(async (tx) => {
    const row = await find(tx, organisationId)
    const { positionsKeptDays, positionsThinnedDays, eventsKeptDays, messagesKeptDays } = wanted
    // By vehicle, of which there is an index. What a device told of in no vehicle is not counted.
    const positions = (until: number, since: number | null) => sql`
      SELECT 1 FROM vehicles v JOIN positions p ON p.vehicle_id = v.id
      WHERE v.organisation_id = ${organisationId} AND p.fix_time < ${before(until)}
        ${since === null ? sql`` : sql`AND p.fix_time >= ${before(since)}`}`
    const older = (table: string, column: string, days: number) => sql`
      SELECT 1 FROM ${sql.identifier(table)}
      WHERE organisation_id = ${organisationId} AND ${sql.identifier(column)} < ${before(days)}`
    const isThinned = positionsThinnedDays !== null
      && (positionsKeptDays === null || positionsThinnedDays < positionsKeptDays)
    return {
      positionsDeleted: positionsKeptDays === null
        ? 0
        : await count(tx, positions(positionsKeptDays, null)),
      positionsThinned: isThinned
        ? await count(tx, positions(positionsThinnedDays, positionsKeptDays))
        : 0,
      eventsDeleted: eventsKeptDays === null
        ? 0
        : await count(tx, older('device_events', 'fix_time', eventsKeptDays)),
      messagesDeleted: messagesKeptDays === null
        ? 0
        : await count(tx, sql`${older('device_messages', 'received_at', messagesKeptDays)}
            UNION ALL ${older('quarantined_positions', 'received_at', messagesKeptDays)}`),
      isShorter: isShorter(row, wanted),
    }
  })
}

/** A value, so that the plan leaves out the partitions of all other days. */
function before(days: number): SQL {
  return sql`${new Date(Date.now() - days * 86_400_000).toISOString()}::timestamptz`
}

async function count(tx: Transaction, rows: SQL): Promise<number> {
  const { rows: [found] } = await tx.execute<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM (${rows} LIMIT ${mostCounted + 1}) AS counted`)
  return found!.n
}

/**
 * Changes how long things are kept. One that deletes sooner has to be acknowledged, and comes into force a
 * day later. @throws {ConflictError} while it is not; {ForbiddenError}
 */
export async function updateRetention(
  { database }: { database: Database }, actor: Member, { acknowledged, ...wanted }: RetentionUpdate,
): Promise<Retention> {
  const id = actor.organisationId
  return database.inOrganisation(id).write(async (tx) => {
    await lockAuthority(tx, actor, 'organisation:write')
    const row = await find(tx, id)
    if (changesNothing(row, wanted)) return toRetention(row)
    const shorter = isShorter(row, wanted)
    if (shorter && !acknowledged)
      throw new ConflictError(
        'This deletes what is kept now, and it cannot be brought back. Ask at /api/v1/retention-previews what '
        + 'it is, and send it again with acknowledged: true.',
        { errors: [{ path: 'acknowledged', message: 'must be true, because this deletes what is kept now' }] },
      )
    const now = Date.now()
    const waits = Math.max(shorter ? now + graceMs : 0, row.retentionFrom?.getTime() ?? 0)
    const [after] = await tx.update(organisations).set({
      ...wanted, retentionFrom: waits > now ? new Date(waits) : null, version: row.version + 1,
      updatedAt: new Date(),
    }).where(eq(organisations.id, id)).returning()
    await recordAudit(tx, {
      organisationId: id, action: 'organisation.retention-changed',
      subject: { type: 'organisation', id, label: row.name },
      before: toRetention(row), after: toRetention(after!),
    })
    await recordChange(tx, id, { type: 'organisation', id, change: 'updated' })
    return toRetention(after!)
  })
}

/** Null is for ever. */
function isShorter(row: Row, wanted: RetentionSettings): boolean {
  return (Object.keys(wanted) as (keyof RetentionSettings)[])
    .some(field => (wanted[field] ?? Infinity) < (row[field] ?? Infinity))
}

async function find(tx: Transaction, id: string): Promise<Row> {
  const [row] = await tx.select().from(organisations).where(eq(organisations.id, id))
  if (!row) throw new NotFoundError('organisation')
  return row
}

function toRetention(row: Row): Retention {
  const { positionsKeptDays, positionsThinnedDays, eventsKeptDays, messagesKeptDays, retentionFrom } = row
  return {
    positionsKeptDays, positionsThinnedDays, eventsKeptDays, messagesKeptDays,
    inForceFrom: retentionFrom && retentionFrom > new Date() ? retentionFrom.toISOString() : null,
  }
}
