import { and, desc, eq, lt, or } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import { unknownDevices } from '#server/database/schema/fleet.ts'
import type { Member } from '#server/identity/member.ts'
import type { Device } from '#shared/devices.ts'
import { NotFoundError } from '#shared/errors.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'
import type { UnknownDevice, UnknownDeviceAdoption } from '#shared/unknown-devices.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'
import { addDevice, refusingTakenIdentifier } from './devices.ts'

type Database = Pick<FleetServices, 'database'>

/** Names that came to the organisation's own address and that no device of it has, the newest first. */
export async function listUnknownDevices(
  { database }: Database, organisationId: string, query: PageQuery,
): Promise<Page<UnknownDevice>> {
  const cursor = decodeCursor(query.cursor, 'moment')
  const asked = eq(unknownDevices.organisationId, organisationId)
  const after = cursor && new Date(cursor[0])
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx.select({ row: unknownDevices, total: countAll(unknownDevices, asked, cursor) }).from(unknownDevices)
      .where(and(asked, after
        ? or(
            lt(unknownDevices.lastSeenAt, after),
            and(eq(unknownDevices.lastSeenAt, after), lt(unknownDevices.id, cursor[1])),
          )
        : undefined))
      .orderBy(desc(unknownDevices.lastSeenAt), desc(unknownDevices.id))
      .limit(query.limit + 1))
  return toPage(
    rows,
    query,
    ({ row }) => [row.lastSeenAt.toISOString(), row.id],
    ({ row: { id, identifier, protocol, firstSeenAt, lastSeenAt, raw } }) => ({
      id, identifier, protocol, raw,
      firstSeenAt: firstSeenAt.toISOString(), lastSeenAt: lastSeenAt.toISOString(),
    }),
  )
}

/**
 * Makes a device of it, which is taken as it sends already: at the organisation's own address, without a
 * token. What it has sent before is not lost where its client keeps what was refused: it comes again.
 * @throws {NotFoundError}; {ConflictError} where a device has that name meanwhile; {ForbiddenError}
 */
export async function adoptUnknownDevice(
  { database }: Database, actor: Member, id: string, input: UnknownDeviceAdoption,
): Promise<Device> {
  return refusingTakenIdentifier(() => database.inOrganisation(actor.organisationId).write(async (tx) => {
    const [row] = await tx.delete(unknownDevices).where(eq(unknownDevices.id, id)).returning()
    if (!row) throw new NotFoundError('unknown device')
    const { name, vehicleId = null, speedUnit = 'kn' } = input
    return addDevice(tx, actor, {
      name: name ?? row.identifier.slice(0, 80), identifier: row.identifier, vehicleId, speedUnit,
      tokenRequired: false, addressRequired: true, clockCorrectionSeconds: 0,
    }, null)
  }))
}

/** Forgets it until it sends again. @throws {NotFoundError} */
export async function dismissUnknownDevice(
  { database }: Database, { organisationId }: Member, id: string,
): Promise<void> {
  await database.inOrganisation(organisationId).write(async (tx) => {
    const [row] = await tx.delete(unknownDevices).where(eq(unknownDevices.id, id)).returning()
    if (!row) throw new NotFoundError('unknown device')
    const subject = { type: 'unknown-device', id, label: row.identifier }
    await recordAudit(tx, { organisationId, action: 'unknown-device.dismissed', subject })
    return {}
  })
}
