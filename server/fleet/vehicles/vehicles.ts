import { and, asc, eq, gt, ilike, inArray, isNotNull, isNull, or, sql, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { changesNothing, recordAudit } from '#server/audit/record.ts'
import type { SecretMaker } from '#server/config/secret.ts'
import { pickFields, toAnswer } from '#server/database/answer.ts'
import { contains, countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import { violatedUnique } from '#server/database/errors.ts'
import { eachOnce, placeholders, prepared } from '#server/database/prepared.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { deviceFittings, devices, vehicles, vehicleStates } from '#server/database/schema/fleet.ts'
import { ConflictError, NotFoundError, outdated } from '#shared/errors.ts'
import { may, type Role } from '#shared/roles.ts'
import type { Page } from '#shared/schemas/common.ts'
import type { ChangedVehicle, LiveEvents } from '#shared/live.ts'
import {
  Vehicle, VehicleCreate, type LivePosition, type VehicleQuery, type VehicleUpdate,
} from '#shared/vehicles.ts'
import { recordChange } from '#server/live/changes.ts'
import { followFittings, lockHistory, sinceNow } from '../history/history.ts'

export interface FleetServices {
  database: Database
  makeSecret: SecretMaker
}

type VehicleRow = typeof vehicles.$inferSelect
type StateRow = typeof vehicleStates.$inferSelect

/** The organisation's vehicles by name, with their newest position and fitted devices. */
export async function listVehicles(
  { database }: FleetServices,
  organisationId: string,
  query: VehicleQuery,
): Promise<Page<Vehicle>> {
  const cursor = decodeCursor(query.cursor, 'text')
  const values = {
    organisationId,
    search: query.search && contains(query.search),
    name: cursor?.[0],
    id: cursor?.[1],
    limit: query.limit + 1,
  }
  const rows = await database.inOrganisation(organisationId)
    .read(tx => vehiclesLike(query.state, Boolean(query.search), cursor !== null)(tx, values))
  return toPage(rows, query, row => [row.sortName, row.vehicle.id], toVehicle)
}

/** The query of a list, by what is asked for. */
const vehiclesLike = eachOnce((state: VehicleQuery['state'], searched: boolean, further: boolean) =>
  prepared((db) => {
    const name = sql<string>`lower(${vehicles.name})`
    const { placeholder } = sql
    const asked = and(
      eq(vehicles.organisationId, placeholder('organisationId')),
      state === 'removed' ? isNotNull(vehicles.removedAt) : isNull(vehicles.removedAt),
      searched
        ? or(ilike(vehicles.name, placeholder('search')), ilike(vehicles.registration, placeholder('search')))
        : undefined,
    )
    const after = or(
      gt(name, placeholder('name')), and(eq(name, placeholder('name')), gt(vehicles.id, placeholder('id'))),
    )
    return selectVehicles(db, countAll(vehicles, asked, further))
      .where(and(asked, further ? after : undefined))
      .orderBy(asc(name), asc(vehicles.id))
      .limit(placeholder('limit'))
  }))

/** One vehicle, removed or not. @throws {NotFoundError} also for another organisation's. */
export async function getVehicle(
  { database }: FleetServices,
  organisationId: string,
  id: string,
): Promise<Vehicle> {
  const [row] = await database.inOrganisation(organisationId).read(tx => vehicleById(tx, { id }))
  if (!row) throw new NotFoundError('vehicle')
  return toVehicle(row)
}

const vehicleById = prepared(db => selectVehicles(db).where(eq(vehicles.id, sql.placeholder('id'))))

/**
 * The vehicle as a member with this role may see it: whoever may not see devices is not told which are
 * fitted.
 */
export function vehicleFor(role: Role, vehicle: Vehicle): Vehicle {
  return may(role, 'devices:read') ? vehicle : { ...vehicle, devices: [] }
}

/** @throws {ConflictError} when another vehicle in use bears the registration. */
export async function createVehicle(
  { database }: FleetServices,
  organisationId: string,
  input: VehicleCreate,
): Promise<Vehicle> {
  return refusingTakenRegistration(() =>
    database.inOrganisation(organisationId).write(async (tx) => {
      const id = uuidv7()
      // What is recorded of it is known before its answer: all of it is one round trip.
      const [[row]] = await Promise.all([
        insertVehicle(tx, { ...input, id, organisationId }),
        recordAudit(tx, {
          organisationId,
          action: 'vehicle.created',
          subject: { type: 'vehicle', id, label: input.name },
          after: auditedFields(input),
        }),
        recordChange(tx, organisationId, changeOf({ ...input, id, version: 1 }, 'created')),
      ])
      return toVehicle({ vehicle: row!, state: null, devices: [] })
    }),
  )
}

const insertVehicle = prepared(db => db.insert(vehicles)
  .values(placeholders(['id', 'organisationId', ...VehicleCreate.keyof().options])).returning())

/**
 * Changes the given fields.
 * @throws {ConflictError} when `version` is given and is not the present one, or the registration is taken.
 */
export async function updateVehicle(
  { database }: FleetServices,
  organisationId: string,
  id: string,
  { version, ...changes }: VehicleUpdate,
): Promise<Vehicle> {
  return refusingTakenRegistration(() =>
    database.inOrganisation(organisationId).write(async (tx) => {
      const before = await lockVehicle(tx, id)
      if (before.removedAt) throw new NotFoundError('vehicle')
      if (version !== undefined && version !== before.version) throw outdated('vehicle')
      if (changesNothing(before, changes)) return findVehicle(tx, id)
      const [row] = await tx
        .update(vehicles)
        .set({ ...changes, version: before.version + 1, updatedAt: new Date() })
        .where(eq(vehicles.id, id))
        .returning()
      await recordAudit(tx, {
        organisationId,
        action: 'vehicle.updated',
        subject: subjectOf(row!),
        before: auditedFields(before),
        after: auditedFields(row!),
      })
      await recordChange(tx, organisationId, changeOf(row!, 'updated'))
      return findVehicle(tx, id)
    }),
  )
}

/**
 * Takes the vehicle out of use and its devices out of it, which is a change of each of them. Its history
 * stays, and `restoreVehicle` brings it back.
 */
export async function removeVehicle(
  { database }: FleetServices,
  organisationId: string,
  id: string,
): Promise<void> {
  await database.inOrganisation(organisationId).write(async (tx) => {
    const before = await lockVehicle(tx, id)
    if (before.removedAt) throw new NotFoundError('vehicle')
    const fitted = await lockDevices(tx, eq(devices.vehicleId, id))
    await lockHistory(tx, fitted.map(device => device.id))
    await changeFitting(tx, organisationId, fitted, { from: before, to: null })
    await tx
      .update(deviceFittings)
      .set({ removedAt: new Date() })
      .where(and(eq(deviceFittings.vehicleId, id), isNull(deviceFittings.removedAt)))
    for (const { id: deviceId } of fitted)
      await followFittings(tx, { organisationId, deviceId, periods: sinceNow() })
    const version = before.version + 1
    await tx
      .update(vehicles)
      .set({ removedAt: new Date(), updatedAt: new Date(), version })
      .where(eq(vehicles.id, id))
    await recordAudit(tx, {
      organisationId,
      action: 'vehicle.removed',
      subject: subjectOf(before),
      before: auditedFields(before),
    })
    const change = changeOf({ ...before, version }, 'removed')
    await recordChange(tx, organisationId, change, ...deviceChanges(fitted))
    return {}
  })
}

/**
 * Undoes a removal, with the devices that were taken out with it unless they have been fitted elsewhere
 * since.
 * @throws {NotFoundError} when it is not there; {ConflictError} when its registration has been given to
 * another one meanwhile.
 */
export async function restoreVehicle(
  { database }: FleetServices,
  organisationId: string,
  id: string,
): Promise<Vehicle> {
  return refusingTakenRegistration(() =>
    database.inOrganisation(organisationId).write(async (tx) => {
      const before = await lockVehicle(tx, id)
      if (!before.removedAt) return findVehicle(tx, id)
      const version = before.version + 1
      await tx
        .update(vehicles)
        .set({ removedAt: null, updatedAt: new Date(), version })
        .where(eq(vehicles.id, id))
      const refitted = await refitDevices(tx, before, before.removedAt)
      await recordAudit(tx, {
        organisationId,
        action: 'vehicle.restored',
        subject: subjectOf(before),
        after: auditedFields(before),
      })
      const change = changeOf({ ...before, version }, 'restored')
      await recordChange(tx, organisationId, change, ...deviceChanges(refitted))
      return findVehicle(tx, id)
    }),
  )
}

interface Fitted { id: string, name: string }

/** Puts back the devices whose fitting ended with the removal and that are in no vehicle now. */
async function refitDevices(tx: Transaction, vehicle: VehicleRow, removedAt: Date): Promise<Fitted[]> {
  const { id: vehicleId, organisationId } = vehicle
  // One second: both moments were taken in the same transaction, a few milliseconds apart.
  const removedWithIt = tx
    .select({ deviceId: deviceFittings.deviceId })
    .from(deviceFittings)
    .where(
      and(
        eq(deviceFittings.vehicleId, vehicleId),
        sql`${deviceFittings.removedAt} BETWEEN ${removedAt}::timestamptz - interval '1 second' AND ${removedAt}::timestamptz + interval '1 second'`,
      ),
    )
  const fitted = await lockDevices(tx, and(isNull(devices.vehicleId), inArray(devices.id, removedWithIt)))
  await lockHistory(tx, fitted.map(({ id }) => id))
  await changeFitting(tx, organisationId, fitted, { from: null, to: vehicle })
  if (fitted.length) {
    const fittings = fitted.map(({ id: deviceId }) => ({ id: uuidv7(), organisationId, deviceId, vehicleId }))
    await tx.insert(deviceFittings).values(fittings)
    for (const { deviceId } of fittings)
      await followFittings(tx, { organisationId, deviceId, periods: sinceNow() })
  }
  return fitted
}

/**
 * Whoever has read a device before must not save over where it is now: its version says so. Each new version
 * has its audit entry, by which `undo` finds out how far a deleted device's had got.
 */
async function changeFitting(
  tx: Transaction,
  organisationId: string,
  fitted: Fitted[],
  { from, to }: { from: VehicleRow | null, to: VehicleRow | null },
) {
  if (fitted.length === 0) return
  await tx
    .update(devices)
    .set({ vehicleId: to && to.id, version: sql`${devices.version} + 1`, updatedAt: new Date() })
    .where(inArray(devices.id, fitted.map(({ id }) => id)))
  for (const { id, name } of fitted) {
    await recordAudit(tx, {
      organisationId,
      action: to ? 'device.assigned' : 'device.unassigned',
      subject: { type: 'device', id, label: name },
      before: { vehicleId: from && from.id },
      after: { vehicleId: to && to.id, vehicleName: to && to.name },
    })
  }
}

/** A device is shown with its vehicle: it changes with its fitting. */
function deviceChanges(fitted: Fitted[]): LiveEvents['changed'][] {
  return fitted.map(({ id }) => ({ type: 'device', id, change: 'updated' }))
}

/** The newest positions of some of the organisation's vehicles, from the primary. */
export async function livePositions(
  { database }: Pick<FleetServices, 'database'>,
  organisationId: string,
  vehicleIds: string[],
): Promise<LivePosition[]> {
  const rows = await database
    .inOrganisation(organisationId)
    .read(tx => tx.select().from(vehicleStates).where(inArray(vehicleStates.vehicleId, vehicleIds)), {
      consistency: 'strong',
    })
  return rows.map(toLivePosition)
}

/**
 * The row, locked until the end of the transaction. Everybody locks in the same order, so that nobody
 * deadlocks: the organisation (`lockAuthority`), then vehicles, then devices, each by id.
 * @throws {NotFoundError}
 */
export async function lockVehicle(tx: Transaction, id: string): Promise<VehicleRow> {
  const [row] = await tx.select().from(vehicles).where(eq(vehicles.id, id)).for('update')
  if (!row) throw new NotFoundError('vehicle')
  return row
}

/** Locks the devices that are meant, in the order that `lockVehicle` explains. */
function lockDevices(tx: Transaction, meant: SQL | undefined): Promise<Fitted[]> {
  return tx
    .select({ id: devices.id, name: devices.name })
    .from(devices)
    .where(meant)
    .orderBy(asc(devices.id))
    .for('update')
}

/** @throws {NotFoundError} */
async function findVehicle(tx: Transaction, id: string): Promise<Vehicle> {
  const [row] = await vehicleById(tx, { id })
  if (!row) throw new NotFoundError('vehicle')
  return toVehicle(row)
}

function selectVehicles(tx: Transaction, total: SQL<number | null> = sql<null>`NULL::int`) {
  return tx
    .select({
      vehicle: vehicles,
      state: vehicleStates,
      devices: sql<
        { id: string, name: string }[]
      >`coalesce((SELECT json_agg(json_build_object('id', d.id, 'name', d.name) ORDER BY d.name)
      FROM ${devices} d WHERE d.vehicle_id = ${vehicles.id}), '[]')`,
      sortName: sql<string>`lower(${vehicles.name})`,
      total,
    })
    .from(vehicles)
    .leftJoin(vehicleStates, eq(vehicleStates.vehicleId, vehicles.id))
    .$dynamic()
}

function toVehicle({ vehicle, state, devices }: {
  vehicle: VehicleRow
  state: StateRow | null
  devices: { id: string, name: string }[]
}): Vehicle {
  return toAnswer(Vehicle, { ...vehicle, devices, lastPosition: state && toLivePosition(state) })
}

/** Which device a position came from is left out: everybody may see positions, and not everybody devices. */
function toLivePosition(state: StateRow): LivePosition {
  const { organisationId: _organisation, deviceId: _device, fixTime, receivedAt, ...rest } = state
  return { ...rest, fixTime: fixTime.toISOString(), receivedAt: receivedAt.toISOString() }
}

function subjectOf(row: VehicleRow) {
  return { type: 'vehicle', id: row.id, label: row.name }
}

function auditedFields(vehicle: VehicleCreate) {
  return pickFields(VehicleCreate, vehicle)
}

/**
 * A vehicle is shown with its devices: it changes with their fittings, by its version too. The vehicles must
 * be locked (`lockVehicle`), before the devices. Resolves to what browsers are to be told.
 */
export async function changeWithFittings(
  tx: Transaction, ids: (string | null | undefined)[],
): Promise<LiveEvents['changed'][]> {
  const meant = ids.filter(id => typeof id === 'string')
  if (meant.length === 0) return []
  const rows = await tx
    .update(vehicles)
    .set({ version: sql`${vehicles.version} + 1`, updatedAt: new Date() })
    .where(inArray(vehicles.id, meant))
    .returning()
  return rows.map(row => changeOf(row, 'updated'))
}

/** What browsers are told of a change, with what they show of the vehicle. */
function changeOf(
  row: ChangedVehicle & { id: string }, change: LiveEvents['changed']['change'],
): LiveEvents['changed'] {
  const { notes: _, ...shown } = pickFields(VehicleCreate, { ...row })
  return { type: 'vehicle', id: row.id, change, vehicle: { ...shown as ChangedVehicle, version: row.version } }
}

async function refusingTakenRegistration<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  }
  catch (error) {
    if (violatedUnique(error) !== 'vehicles_registration') throw error
    throw new ConflictError('Another vehicle already has this registration.', {
      errors: [{ path: 'registration', message: 'is already used by another vehicle' }],
    })
  }
}
