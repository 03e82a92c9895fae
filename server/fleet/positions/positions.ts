import { eq, sql, type SQL } from 'drizzle-orm'
import { decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Transaction } from '#server/database/port.ts'
import { devices, vehicles } from '#server/database/schema/fleet.ts'
import type { Doubt } from '#shared/device-messages.ts'
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
    const rows = await readPositions(tx, {
      whose: sql`vehicle_id = ${vehicleId}`, from, to, limit: query.limit + 1, isNewestFirst: false,
      believedOnly: query.credibility !== 'all',
      after: after && sql`(fix_time, device_id) > (${after.toISOString()}::timestamptz, ${cursor[1]}::uuid)`,
    })
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
    const rows = await readPositions(tx, {
      whose: sql`device_id = ${deviceId}`, from: null, to: null, limit: query.limit + 1, isNewestFirst: true,
      believedOnly: false, after: cursor && sql`fix_time < ${new Date(cursor[0]).toISOString()}::timestamptz`,
    })
    return toPage(rows, query, row => [row.fixTime.toISOString(), row.deviceId], toPosition)
  })
}

type Row = {
  fixTime: Date
  deviceId: string
  latitude: number
  longitude: number
  speedKmh: number | null
  courseDegrees: number | null
  altitudeMetres: number | null
  accuracyMetres: number | null
  attributes: Record<string, unknown>
  credibility: Doubt | null
  reason: string | null
}

const simplified = 'one of those that are left of a day that was simplified to 10 m'

/** Positions as they came, and those that are left of days that have been thinned. */
async function readPositions(
  tx: Transaction,
  { whose, from, to, after, limit, isNewestFirst, believedOnly }: {
    whose: SQL
    from: Date | null
    to: Date | null
    after: SQL | null
    limit: number
    isNewestFirst: boolean
    believedOnly: boolean
  },
): Promise<Row[]> {
  const moment = (time: Date) => sql`${time.toISOString()}::timestamptz`
  const day = (time: Date) => sql`(${moment(time)} AT TIME ZONE 'UTC')::date`
  const within = [
    from && sql`fix_time >= ${moment(from)}`, to && sql`fix_time < ${moment(to)}`, after,
  ].filter(part => part !== null)
  const where = (...parts: SQL[]) => sql`WHERE ${sql.join(parts, sql` AND `)}`
  const order = isNewestFirst ? sql`fix_time DESC, device_id DESC` : sql`fix_time, device_id`
  const { rows } = await tx.execute<Omit<Row, 'fixTime'> & { time: number }>(sql`
    SELECT extract(epoch FROM fix_time)::float8 * 1000 AS time, device_id AS "deviceId", latitude, longitude,
      speed_kmh AS "speedKmh", course_degrees AS "courseDegrees", altitude_metres AS "altitudeMetres",
      accuracy_metres AS "accuracyMetres", attributes, credibility, reason
    FROM (
      (SELECT fix_time, device_id, latitude, longitude, speed_kmh, course_degrees, altitude_metres,
        accuracy_metres, attributes, credibility, reason
      FROM positions ${where(whose, ...within, ...believedOnly ? [sql`credibility IS NULL`] : [])}
      ORDER BY ${order} LIMIT ${limit})
      UNION ALL
      (SELECT * FROM (
        SELECT d.day::timestamp AT TIME ZONE 'UTC' + p.ms * interval '1 millisecond' AS fix_time, device_id,
          p.north / 1e6::float8 AS latitude, p.east / 1e6::float8 AS longitude, (p.speed / 10.0)::real AS speed_kmh,
          p.course::real, p.height::real, NULL::real, '{}'::jsonb, NULL::text, ${simplified}
        FROM position_days d, unnest(d.offsets, d.latitudes, d.longitudes, d.speeds, d.courses, d.altitudes)
          AS p(ms, north, east, speed, course, height)
        ${where(whose, ...from ? [sql`day >= ${day(from)}`] : [], ...to ? [sql`day <= ${day(to)}`] : [])}
      ) AS thinned ${within.length ? where(...within) : sql``} ORDER BY ${order} LIMIT ${limit})
    ) AS found ORDER BY ${order} LIMIT ${limit}`)
  return rows.map(({ time, ...row }) => ({ ...row, fixTime: new Date(Math.round(time)) }))
}

function toPosition(row: Row): JudgedPosition {
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
