import { createHash } from 'node:crypto'
import { and, asc, eq, gt, ilike, inArray, isNull, or, sql, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { changesNothing, recordAudit } from '#server/audit/record.ts'
import { contains, countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import { violatedUnique } from '#server/database/errors.ts'
import type { Transaction } from '#server/database/port.ts'
import { deviceFittings, devices, deviceStates, vehicles } from '#server/database/schema/fleet.ts'
import { lockAuthority } from '#server/identity/authority.ts'
import type { Member } from '#server/identity/member.ts'
import { ConflictError, InvalidInputError, NotFoundError, outdated } from '#shared/errors.ts'
import type { Page } from '#shared/schemas/common.ts'
import type {
  Device,
  DeviceCreate,
  DeviceQuery,
  DeviceUpdate,
  DeviceWithToken,
} from '#shared/devices.ts'
import { recordChange } from '#server/live/changes.ts'
import { followFittings, lockHistory, sinceNow } from '../history/history.ts'
import { changeWithFittings, lockVehicle, type FleetServices } from '../vehicles/vehicles.ts'

type DeviceRow = typeof devices.$inferSelect

/** The organisation's devices by name. */
export async function listDevices(
  { database }: FleetServices,
  organisationId: string,
  query: DeviceQuery,
): Promise<Page<Device>> {
  const cursor = decodeCursor(query.cursor, 'text')
  const name = sql<string>`lower(${devices.name})`
  const text = query.search && contains(query.search)
  const asked = and(
    eq(devices.organisationId, organisationId),
    text ? or(ilike(devices.name, text), ilike(devices.identifier, text)) : undefined,
  )
  const after = cursor
    ? or(gt(name, cursor[0]), and(eq(name, cursor[0]), gt(devices.id, cursor[1])))
    : undefined
  const rows = await database.inOrganisation(organisationId).read(tx =>
    selectDevices(tx, countAll(devices, asked, cursor))
      .where(and(asked, after))
      .orderBy(asc(name), asc(devices.id))
      .limit(query.limit + 1),
  )
  return toPage(rows, query, row => [row.sortName, row.device.id], toDevice)
}

/** @throws {NotFoundError} also for another organisation's. */
export async function getDevice(
  { database }: FleetServices,
  organisationId: string,
  id: string,
): Promise<Device> {
  const [row] = await database
    .inOrganisation(organisationId)
    .read(tx => selectDevices(tx).where(eq(devices.id, id)))
  if (!row) throw new NotFoundError('device')
  return toDevice(row)
}

/**
 * Makes a device known, with a token unless the input says that it needs none. The token is in the answer and
 * nowhere else: only a hash is kept. It is a right that outlives its maker's: see `lockAuthority`.
 * @throws {ConflictError} when the identifier is taken, by whichever organisation; {ForbiddenError}
 */
export async function createDevice(
  { database, makeSecret }: FleetServices,
  actor: Member,
  input: DeviceCreate,
): Promise<DeviceWithToken> {
  const { organisationId } = actor
  const { vehicleId, ...fields } = input
  const token = input.tokenRequired ? makeSecret('device-token') : null
  const device = await refusingTakenIdentifier(() =>
    database.inOrganisation(organisationId).write(async (tx) => {
      await lockAuthority(tx, actor, 'devices:write')
      const vehicle = await lockNextVehicle(tx, null, vehicleId)
      const [row] = await tx
        .insert(devices)
        .values({ ...fields, id: uuidv7(), organisationId, tokenHash: token && hashToken(token) })
        .returning()
      await recordAudit(tx, {
        organisationId,
        action: 'device.created',
        subject: subjectOf(row!),
        after: auditedFields(row!),
      })
      if (vehicleId) await fit(tx, row!, vehicle)
      const change = { type: 'device', id: row!.id, change: 'created' } as const
      await recordChange(tx, organisationId, change, ...await changeWithFittings(tx, [vehicleId]))
      return findDevice(tx, row!.id)
    }),
  )
  // As it was made: perhaps by an earlier version, which made none unless it was asked, and this is a repeat.
  return { ...device, token: device.tokenRequired ? token : null }
}

/**
 * Changes the given fields; `vehicleId` fits it to another vehicle, or with null to none. `tokenRequired:
 * false` lets anybody speak for the device, so whoever says it is authorised as for a token.
 * @throws {ConflictError} when `version` is given and is not the present one; {InvalidInputError} when there
 * is no such vehicle; {ForbiddenError}
 */
export async function updateDevice(
  { database }: FleetServices,
  actor: Member,
  id: string,
  update: DeviceUpdate,
): Promise<Device> {
  const { organisationId } = actor
  const { version, vehicleId, ...changes } = update
  return database.inOrganisation(organisationId).write(async (tx) => {
    if (changes.tokenRequired !== undefined) await lockAuthority(tx, actor, 'devices:write')
    const vehicle = await lockNextVehicle(tx, id, vehicleId)
    const before = await lockDevice(tx, id)
    if (version !== undefined && version !== before.version) throw outdated('device')
    if (changes.tokenRequired && !before.tokenHash) {
      const message = 'needs a token first: create one at /api/v1/devices/:id/token'
      throw new InvalidInputError([{ path: 'tokenRequired', message }])
    }
    const moved = vehicleId !== undefined && vehicleId !== before.vehicleId
    if (!moved && changesNothing(before, changes)) return findDevice(tx, id)
    const [row] = await tx
      .update(devices)
      .set({ ...changes, version: before.version + 1, updatedAt: new Date() })
      .where(eq(devices.id, id))
      .returning()
    if (!changesNothing(before, changes)) {
      const fields = { before: auditedFields(before), after: auditedFields(row!) }
      await recordAudit(tx, { organisationId, action: 'device.updated', subject: subjectOf(row!), ...fields })
    }
    if (moved) await fit(tx, row!, vehicle)
    const others = moved ? await changeWithFittings(tx, [before.vehicleId, vehicleId]) : []
    await recordChange(tx, organisationId, { type: 'device', id, change: 'updated' }, ...others)
    return findDevice(tx, id)
  })
}

/** The token before a new one is taken this long, so that trackers can be told one after the other. */
const previousTokenMs = 86_400_000

/**
 * A new token for the device, which must show it from now on. The one before is taken for a day more, unless
 * `endPrevious`: then it ends at once (see `rememberMs`), because it may be in wrong hands.
 */
export async function renewDeviceToken(
  { database, makeSecret }: FleetServices,
  actor: Member,
  id: string,
  { endPrevious }: { endPrevious: boolean },
): Promise<DeviceWithToken> {
  const { organisationId } = actor
  const token = makeSecret('device-token')
  const device = await database.inOrganisation(organisationId).write(async (tx) => {
    await lockAuthority(tx, actor, 'devices:write')
    const before = await lockDevice(tx, id)
    const [row] = await tx
      .update(devices)
      .set({
        tokenHash: hashToken(token),
        previousTokenHash: endPrevious ? null : before.tokenHash,
        previousTokenUntil: endPrevious || !before.tokenHash ? null : new Date(Date.now() + previousTokenMs),
        tokenRequired: true,
        version: before.version + 1,
        updatedAt: new Date(),
      })
      .where(eq(devices.id, id))
      .returning()
    const fields = { before: auditedFields(before), after: auditedFields(row!) }
    await recordAudit(tx, {
      organisationId,
      action: 'device.token-renewed',
      subject: subjectOf(row!),
      ...fields,
    })
    await recordChange(tx, organisationId, { type: 'device', id, change: 'updated' })
    return findDevice(tx, id)
  })
  return { ...device, token }
}

/**
 * Forgets the device and its token: its identifier is free again. The positions it sent stay with their
 * vehicles.
 * @throws {NotFoundError} {ForbiddenError}
 */
export async function removeDevice({ database }: FleetServices, actor: Member, id: string): Promise<void> {
  const { organisationId } = actor
  await database.inOrganisation(organisationId).write(async (tx) => {
    await lockAuthority(tx, actor, 'devices:write')
    await lockVehiclesOf(tx, id, [])
    const before = await lockDevice(tx, id)
    await tx.delete(deviceStates).where(eq(deviceStates.deviceId, id))
    await tx.delete(devices).where(eq(devices.id, id))
    const fields = { before: auditedFields(before) }
    await recordAudit(tx, { organisationId, action: 'device.removed', subject: subjectOf(before), ...fields })
    const change = { type: 'device', id, change: 'removed' } as const
    await recordChange(tx, organisationId, change, ...await changeWithFittings(tx, [before.vehicleId]))
    return {}
  })
}

/** The vehicle that a device is to be in, and with it locked. */
type NextVehicle = Awaited<ReturnType<typeof lockVehicle>> | 'none' | 'not-there'

/**
 * Locks the vehicle that the device leaves and the one that it goes into, which change with its fitting:
 * before the device itself (see `lockVehicle`). That there is no such vehicle is said later, by `fit`: first
 * comes what is wrong with the device.
 */
async function lockNextVehicle(
  tx: Transaction, deviceId: string | null, id: string | null | undefined,
): Promise<NextVehicle> {
  if (id === undefined) return 'none'
  await lockVehiclesOf(tx, deviceId, [id])
  if (!id) return 'none'
  return lockVehicle(tx, id).catch((error: unknown) => {
    if (error instanceof NotFoundError) return 'not-there'
    throw error
  })
}

/**
 * Locks the vehicle that a device is in, and others, by id. Should it be put into another one at this very
 * moment, that one is locked after the device, as an exception: the database ends a deadlock, and the router
 * tries again.
 */
export async function lockVehiclesOf(
  tx: Transaction, deviceId: string | null, others: (string | null)[],
): Promise<void> {
  const present = deviceId === null
    ? []
    : await tx.select({ id: devices.vehicleId }).from(devices).where(eq(devices.id, deviceId))
  const ids = [...present.map(({ id }) => id), ...others].filter(id => id !== null)
  if (ids.length === 0) return
  await tx.select({ id: vehicles.id }).from(vehicles).where(inArray(vehicles.id, ids))
    .orderBy(asc(vehicles.id)).for('update')
}

/**
 * Ends the present fitting and, unless `next` is 'none', begins the next, each with its audit entry.
 * @throws {InvalidInputError} when the vehicle is not there, or removed
 */
async function fit(tx: Transaction, device: DeviceRow, next: NextVehicle) {
  const { organisationId } = device
  if (next === 'not-there') throw noSuchVehicle()
  const vehicle = next === 'none' ? null : next
  if (vehicle?.removedAt) throw noSuchVehicle()
  const vehicleId = vehicle ? vehicle.id : null
  await beginFitting(tx, device, vehicleId)
  await tx.update(devices).set({ vehicleId }).where(eq(devices.id, device.id))
  await recordAudit(tx, {
    organisationId,
    action: vehicle ? 'device.assigned' : 'device.unassigned',
    subject: subjectOf(device),
    before: { vehicleId: device.vehicleId },
    after: { vehicleId, vehicleName: vehicle ? vehicle.name : null },
  })
}

/**
 * The history of where a device has been: the present fitting ends, the next one begins, unless it is null.
 */
export async function beginFitting(
  tx: Transaction, device: Pick<DeviceRow, 'id' | 'organisationId'>, vehicleId: string | null,
): Promise<void> {
  const { id: deviceId, organisationId } = device
  await lockHistory(tx, [deviceId])
  const present = and(eq(deviceFittings.deviceId, deviceId), isNull(deviceFittings.removedAt))
  await tx.update(deviceFittings).set({ removedAt: new Date() }).where(present)
  // When it begins, the database says: see migration 15.
  if (vehicleId !== null)
    await tx.insert(deviceFittings).values({ id: uuidv7(), organisationId, deviceId, vehicleId })
  await followFittings(tx, { organisationId, deviceId, periods: sinceNow() })
}

export function noSuchVehicle() {
  return new InvalidInputError([{ path: 'vehicleId', message: 'must be one of your vehicles' }])
}

export async function lockDevice(tx: Transaction, id: string): Promise<DeviceRow> {
  const [row] = await tx.select().from(devices).where(eq(devices.id, id)).for('update')
  if (!row) throw new NotFoundError('device')
  return row
}

async function findDevice(tx: Transaction, id: string): Promise<Device> {
  const [row] = await selectDevices(tx).where(eq(devices.id, id))
  if (!row) throw new NotFoundError('device')
  return toDevice(row)
}

function selectDevices(tx: Transaction, total: SQL<number | null> = sql<null>`NULL::int`) {
  return tx.select({
    device: devices,
    vehicle: { id: vehicles.id, name: vehicles.name },
    state: deviceStates,
    sortName: sql<string>`lower(${devices.name})`,
    total,
  }).from(devices)
    .leftJoin(vehicles, eq(vehicles.id, devices.vehicleId))
    .leftJoin(deviceStates, eq(deviceStates.deviceId, devices.id))
    .$dynamic()
}

interface Selected {
  device: DeviceRow
  vehicle: { id: string, name: string } | null
  state: typeof deviceStates.$inferSelect | null
}

function toDevice({ device: row, vehicle, state }: Selected): Device {
  return {
    id: row.id,
    name: row.name,
    identifier: row.identifier,
    vehicle,
    speedUnit: row.speedUnit,
    tokenRequired: row.tokenRequired,
    lastSeenAt: state?.lastSeenAt.toISOString() ?? null,
    protocol: state?.protocol ?? null,
    clockOffsetSeconds: state?.clockOffsetSeconds ?? null,
    intervalSeconds: state?.intervalSeconds ?? null,
    batteryPercent: state?.batteryPercent ?? null,
    batteryVolts: state?.batteryVolts ?? null,
    previousTokenUntil: validUntil(row.previousTokenUntil),
    version: row.version,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

function validUntil(moment: Date | null): string | null {
  return moment && moment > new Date() ? moment.toISOString() : null
}

export function subjectOf(row: Pick<DeviceRow, 'id' | 'name'>) {
  return { type: 'device', id: row.id, label: row.name }
}

function auditedFields({ name, identifier, speedUnit, tokenRequired }: DeviceRow) {
  return { name, identifier, speedUnit, tokenRequired }
}

/** As it is stored: SHA-256 in hexadecimal. One round is enough for 256 random bits. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

async function refusingTakenIdentifier<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  }
  catch (error) {
    if (violatedUnique(error) !== 'devices_identifier_key') throw error
    throw new ConflictError('A device with this identifier already exists.', {
      errors: [{ path: 'identifier', message: 'is already used by another device' }],
    })
  }
}
