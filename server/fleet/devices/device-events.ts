import { and, desc, eq, getTableColumns, gte, lt, or } from 'drizzle-orm'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import { deviceEvents, devices, vehicles } from '#server/database/schema/fleet.ts'
import { InvalidInputError } from '#shared/errors.ts'
import type { Page } from '#shared/schemas/common.ts'
import type { DeviceEvent, DeviceEventQuery } from '#shared/device-events.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'

/**
 * What the organisation's devices told of, newest first by their own clocks.
 * @throws {InvalidInputError} for a time that ends before it begins.
 */
export async function listDeviceEvents(
  { database }: Pick<FleetServices, 'database'>,
  organisationId: string,
  query: DeviceEventQuery,
): Promise<Page<DeviceEvent>> {
  const { deviceId, vehicleId, kind, from, to } = query
  if (from && to && new Date(from) >= new Date(to))
    throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
  const cursor = decodeCursor(query.cursor, 'moment')
  const after = cursor && new Date(cursor[0])
  const asked = and(
    eq(deviceEvents.organisationId, organisationId),
    deviceId ? eq(deviceEvents.deviceId, deviceId) : undefined,
    vehicleId ? eq(deviceEvents.vehicleId, vehicleId) : undefined,
    kind ? eq(deviceEvents.kind, kind) : undefined,
    from ? gte(deviceEvents.fixTime, new Date(from)) : undefined,
    to ? lt(deviceEvents.fixTime, new Date(to)) : undefined,
  )
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx
      .select({
        ...getTableColumns(deviceEvents),
        deviceName: devices.name,
        vehicleName: vehicles.name,
        total: countAll(deviceEvents, asked, cursor),
      })
      .from(deviceEvents)
      .leftJoin(devices, eq(devices.id, deviceEvents.deviceId))
      .leftJoin(vehicles, eq(vehicles.id, deviceEvents.vehicleId))
      .where(and(asked, after
        ? or(
            lt(deviceEvents.fixTime, after),
            and(eq(deviceEvents.fixTime, after), lt(deviceEvents.id, cursor[1])),
          )
        : undefined))
      .orderBy(desc(deviceEvents.fixTime), desc(deviceEvents.id))
      .limit(query.limit + 1),
  )
  return toPage(
    rows,
    query,
    row => [row.fixTime.toISOString(), row.id],
    row => ({
      id: row.id,
      device: { id: row.deviceId, name: row.deviceName },
      vehicle: row.vehicleId === null ? null : { id: row.vehicleId, name: row.vehicleName ?? '' },
      fixTime: row.fixTime.toISOString(),
      receivedAt: row.receivedAt.toISOString(),
      kind: row.kind,
      data: row.data,
      latitude: row.latitude,
      longitude: row.longitude,
    }),
  )
}
