import { and, asc, desc, eq, gt, gte, isNull, lt, or } from 'drizzle-orm'
import { decodeCursor, toPage } from '#server/database/cursor.ts'
import { devices, positions, vehicles } from '#server/database/schema/fleet.ts'
import { InvalidInputError, NotFoundError } from '#shared/errors.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'
import type { JudgedPosition, TrackQuery } from '#shared/vehicles.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'

const dayMs = 86_400_000

/** One request reads a month at most: more is a report. */
const maxDays = 31

/**
 * A vehicle's fixes by time, from `from` up to but not including `to`; by default the last 24 hours. @throws
 * {NotFoundError} {InvalidInputError}
 */
export async function listPositions(
  { database }: Pick<FleetServices, 'database'>,
  organisationId: string,
  vehicleId: string,
  query: TrackQuery,
  now = new Date(),
): Promise<Page<JudgedPosition>> {
  const to = query.to
    ? new Date(query.to)
    : query.from
      ? new Date(new Date(query.from).getTime() + dayMs)
      : now
  const from = query.from ? new Date(query.from) : new Date(to.getTime() - dayMs)
  if (from >= to) throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
  if (to.getTime() - from.getTime() > maxDays * dayMs)
    throw new InvalidInputError([{ path: 'from', message: `must be at most ${maxDays} days before to` }])
  const cursor = decodeCursor(query.cursor, 'moment')
  const after = cursor && new Date(cursor[0])
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [vehicle] = await tx.select({ id: vehicles.id }).from(vehicles).where(eq(vehicles.id, vehicleId))
    if (!vehicle) throw new NotFoundError('vehicle')
    const rows = await tx
      .select()
      .from(positions)
      .where(
        and(
          eq(positions.vehicleId, vehicleId),
          gte(positions.fixTime, from),
          lt(positions.fixTime, to),
          query.credibility === 'all' ? undefined : isNull(positions.credibility),
          after
            ? or(
                gt(positions.fixTime, after),
                and(eq(positions.fixTime, after), gt(positions.deviceId, cursor[1])),
              )
            : undefined,
        ),
      )
      .orderBy(asc(positions.fixTime), asc(positions.deviceId))
      .limit(query.limit + 1)
    return toPage(
      rows,
      query,
      row => [row.fixTime.toISOString(), row.deviceId],
      toPosition,
    )
  })
}

/**
 * A device's fixes, believed or not, newest first by the device's clock. @throws {NotFoundError}
 */
export async function listDevicePositions(
  { database }: Pick<FleetServices, 'database'>,
  organisationId: string,
  deviceId: string,
  query: PageQuery,
): Promise<Page<JudgedPosition>> {
  const cursor = decodeCursor(query.cursor, 'moment')
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [device] = await tx.select({ id: devices.id }).from(devices).where(eq(devices.id, deviceId))
    if (!device) throw new NotFoundError('device')
    const rows = await tx
      .select()
      .from(positions)
      .where(and(
        eq(positions.deviceId, deviceId),
        cursor ? lt(positions.fixTime, new Date(cursor[0])) : undefined,
      ))
      .orderBy(desc(positions.fixTime))
      .limit(query.limit + 1)
    return toPage(rows, query, row => [row.fixTime.toISOString(), row.deviceId], toPosition)
  })
}

function toPosition(row: typeof positions.$inferSelect): JudgedPosition {
  return {
    fixTime: row.fixTime.toISOString(),
    latitude: row.latitude,
    longitude: row.longitude,
    speedKmh: row.speedKmh,
    courseDegrees: row.courseDegrees,
    altitudeMetres: row.altitudeMetres,
    accuracyMetres: row.accuracyMetres,
    attributes: row.attributes,
    credibility: row.credibility ?? 'ok',
    reason: row.reason,
  }
}
