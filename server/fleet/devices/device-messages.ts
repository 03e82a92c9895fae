import { and, desc, eq, lt, or, sql } from 'drizzle-orm'
import { unionAll } from 'drizzle-orm/pg-core'
import { decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Transaction } from '#server/database/port.ts'
import { deviceMessages, devices, quarantinedPositions, recordedMessages } from '#server/database/schema/fleet.ts'
import { NotFoundError } from '#shared/errors.ts'
import type { Page } from '#shared/schemas/common.ts'
import type {
  Credibility, DeviceMessageEntry, DeviceMessageQuery, MessageOutcome, RecordedMessage,
} from '#shared/device-messages.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'

type Place = { moment: Date, id: string } | null

/** Messages that moved nothing, as they came, newest first by their receipt. */
export async function listDeviceMessages(
  { database }: Pick<FleetServices, 'database'>,
  organisationId: string,
  query: DeviceMessageQuery,
): Promise<Page<DeviceMessageEntry>> {
  const cursor = decodeCursor(query.cursor, 'moment')
  const place = cursor && { moment: new Date(cursor[0]), id: cursor[1] }
  const rows = await database.inOrganisation(organisationId).read((tx) => {
    const sides = [kept, quarantined].map(side => side(tx, organisationId, query, place)) as [
      ReturnType<typeof kept>, ReturnType<typeof quarantined>,
    ]
    const both = unionAll(...sides)
      .orderBy(desc(sql`received_at`), desc(sql`id`))
      .limit(query.limit + 1)
      .as('both')
    return tx
      .select({
        id: both.id, deviceId: both.deviceId, receivedAt: both.receivedAt, fixTime: both.fixTime,
        outcome: both.outcome, credibility: both.credibility, reason: both.reason, raw: both.raw,
        deviceName: devices.name, replayedAt: both.replayedAt,
      })
      .from(both)
      .leftJoin(devices, eq(devices.id, both.deviceId))
      .orderBy(desc(both.receivedAt), desc(both.id))
  })
  return toPage(
    rows,
    query,
    row => [row.receivedAt.toISOString(), row.id],
    row => ({
      id: row.id,
      device: { id: row.deviceId, name: row.deviceName },
      receivedAt: row.receivedAt.toISOString(),
      fixTime: row.fixTime ? new Date(row.fixTime).toISOString() : null,
      outcome: row.outcome,
      credibility: row.credibility,
      reason: row.reason,
      raw: row.raw,
      replayedAt: row.replayedAt ? new Date(row.replayedAt).toISOString() : null,
    }),
  )
}

/** Each side brings no more than the page needs. */
function kept(tx: Transaction, organisationId: string, query: DeviceMessageQuery, place: Place) {
  const table = deviceMessages
  return tx
    .select({
      id: table.id, deviceId: table.deviceId, receivedAt: table.receivedAt,
      fixTime: sql<Date | null>`${table.fixTime}`.as('fix_time'),
      outcome: sql<MessageOutcome>`${table.outcome}`.as('outcome'),
      credibility: sql<Credibility | null>`${table.credibility}`.as('credibility'),
      reason: table.reason, raw: table.raw, replayedAt: table.replayedAt,
    })
    .from(table)
    .where(and(
      eq(table.organisationId, organisationId),
      query.deviceId ? eq(table.deviceId, query.deviceId) : undefined,
      query.outcome ? eq(table.outcome, query.outcome) : undefined,
      place
        ? or(
            lt(table.receivedAt, place.moment),
            and(eq(table.receivedAt, place.moment), lt(table.id, place.id)),
          )
        : undefined,
    ))
    .orderBy(desc(table.receivedAt), desc(table.id))
    .limit(query.limit + 1)
}

function quarantined(tx: Transaction, organisationId: string, query: DeviceMessageQuery, place: Place) {
  const table = quarantinedPositions
  return tx
    .select({
      id: table.id, deviceId: table.deviceId, receivedAt: table.receivedAt,
      fixTime: sql<Date | null>`NULL::timestamptz`.as('fix_time'),
      outcome: sql<MessageOutcome>`'quarantined'`.as('outcome'),
      credibility: sql<Credibility | null>`NULL::text`.as('credibility'),
      reason: table.reason, raw: table.raw, replayedAt: table.replayedAt,
    })
    .from(table)
    .where(and(
      eq(table.organisationId, organisationId),
      query.deviceId ? eq(table.deviceId, query.deviceId) : undefined,
      query.outcome === undefined || query.outcome === 'quarantined' ? undefined : sql`false`,
      place
        ? or(
            lt(table.receivedAt, place.moment),
            and(eq(table.receivedAt, place.moment), lt(table.id, place.id)),
          )
        : undefined,
    ))
    .orderBy(desc(table.receivedAt), desc(table.id))
    .limit(query.limit + 1)
}

/**
 * The last messages of a device that is being recorded, whatever became of them, the newest first.
 * @throws {NotFoundError}
 */
export async function listRecordedMessages(
  { database }: Pick<FleetServices, 'database'>, organisationId: string, deviceId: string,
): Promise<{ items: RecordedMessage[] }> {
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [device] = await tx.select({ id: devices.id }).from(devices).where(eq(devices.id, deviceId))
    if (!device) throw new NotFoundError('device')
    const rows = await tx.select().from(recordedMessages).where(eq(recordedMessages.deviceId, deviceId))
      .orderBy(desc(recordedMessages.receivedAt), desc(recordedMessages.slot))
    return {
      items: rows.map(({ receivedAt, fixTime, outcome, protocol, raw }) => ({
        receivedAt: receivedAt.toISOString(), fixTime: fixTime && fixTime.toISOString(), outcome, protocol,
        raw,
      })),
    }
  })
}
