/**
 * The history of fittings, which people may correct: whoever enters a fitting days late, or for the wrong
 * vehicle, says when it really was, and what the device told of in that time moves.
 */
import { and, eq, ne, sql, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { recordAudit } from '#server/audit/record.ts'
import { databaseError } from '#server/database/errors.ts'
import type { Transaction } from '#server/database/port.ts'
import { deviceFittings, devices, vehicles } from '#server/database/schema/fleet.ts'
import type { Member } from '#server/identity/member.ts'
import { recordChange } from '#server/live/changes.ts'
import type { CorrectedFitting, Fitting, Fittings, FittingCreate, FittingUpdate } from '#shared/devices.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '#shared/errors.ts'
import { followFittings, lockHistory, type Period } from '../history/history.ts'
import { changeWithFittings, type FleetServices } from '../vehicles/vehicles.ts'
import { lockDevice, lockVehiclesOf, noSuchVehicle, subjectOf } from './devices.ts'

/** A device is seldom put elsewhere: a page shows all of them. */
const most = 500

/** @throws {NotFoundError} also for another organisation's. */
export function listDeviceFittings(
  { database }: Pick<FleetServices, 'database'>, organisationId: string, deviceId: string,
): Promise<Fittings> {
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [device] = await tx.select({ id: devices.id }).from(devices).where(eq(devices.id, deviceId))
    if (!device) throw new NotFoundError('device')
    return toList(await select(tx, eq(deviceFittings.deviceId, deviceId)))
  })
}

/** @throws {NotFoundError} also for another organisation's. */
export function listVehicleFittings(
  { database }: Pick<FleetServices, 'database'>, organisationId: string, vehicleId: string,
): Promise<Fittings> {
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [vehicle] = await tx.select({ id: vehicles.id }).from(vehicles).where(eq(vehicles.id, vehicleId))
    if (!vehicle) throw new NotFoundError('vehicle')
    return toList(await select(tx, eq(deviceFittings.vehicleId, vehicleId)))
  })
}

/**
 * Adds a fitting that nobody has entered. @throws {NotFoundError} for the device; {InvalidInputError};
 * {ConflictError} where the device was in another vehicle.
 */
export function addFitting(
  services: Pick<FleetServices, 'database'>, actor: Member, deviceId: string, input: FittingCreate,
): Promise<CorrectedFitting> {
  return correct(services, actor, async () => ({ deviceId, before: null, after: input }))
}

/** Says when, or where, a fitting really was. @throws {NotFoundError} {InvalidInputError} {ConflictError} */
export function updateFitting(
  services: Pick<FleetServices, 'database'>, actor: Member, id: string, update: FittingUpdate,
): Promise<CorrectedFitting> {
  return correct(services, actor, async (tx) => {
    const before = await find(tx, id)
    const { vehicleId = before.vehicle.id, from = before.from, to = before.to } = update
    return { deviceId: before.device.id, before, after: { vehicleId, from, to } }
  })
}

/** The device has never been there. @throws {NotFoundError} */
export async function removeFitting(
  services: Pick<FleetServices, 'database'>, actor: Member, id: string,
): Promise<void> {
  await correct(services, actor, async (tx) => {
    const before = await find(tx, id)
    return { deviceId: before.device.id, before, after: null }
  })
}

interface Correction {
  deviceId: string
  /** Null: it is added. */
  before: Fitting | null
  /** Null: it is removed. */
  after: FittingCreate | null
}

async function correct(
  { database }: Pick<FleetServices, 'database'>,
  { organisationId, userId, name }: Member,
  plan: (tx: Transaction) => Promise<Correction>,
): Promise<CorrectedFitting> {
  try {
    return await database.inOrganisation(organisationId).write(async (tx) => {
      const first = await plan(tx)
      const others = [first.before?.vehicle.id ?? null, first.after?.vehicleId ?? null]
      await lockVehiclesOf(tx, first.deviceId, others)
      const device = await lockDevice(tx, first.deviceId)
      await lockHistory(tx, [device.id])
      // As it is now that nobody else can change it.
      const { before, after } = await plan(tx)
      if (before && after && isSame(before, after)) return { ...before, moved: 0, job: null }
      if (after) {
        refuseImpossible(after)
        await refuseOverlap(tx, device.id, before?.id ?? null, after)
        const [vehicle] = await tx.select().from(vehicles).where(eq(vehicles.id, after.vehicleId))
        if (!vehicle || (vehicle.removedAt && after.to === null)) throw noSuchVehicle()
      }
      const id = before?.id ?? uuidv7()
      await write(tx, { id, organisationId, deviceId: device.id }, before !== null, after)
      const vehicleId = await presentVehicle(tx, device.id)
      await tx.update(devices)
        .set({ vehicleId, version: device.version + 1, updatedAt: new Date() })
        .where(eq(devices.id, device.id))
      const corrected = after ? await find(tx, id) : null
      const { jobId, positions } = await followFittings(tx, {
        organisationId, deviceId: device.id, periods: changedPeriods(before, corrected),
        requestedBy: { id: userId, name },
      })
      await recordAudit(tx, {
        organisationId,
        action: before
          ? after ? 'device.fitting-corrected' : 'device.fitting-removed'
          : 'device.fitting-added',
        subject: subjectOf(device),
        before: before && audited(before),
        after: corrected && { ...audited(corrected), movedPositions: positions, job: jobId },
      })
      const changed = await changeWithFittings(tx, [...new Set([...others, device.vehicleId, vehicleId])])
      await recordChange(tx, organisationId, { type: 'device', id: device.id, change: 'updated' }, ...changed)
      return { ...(corrected ?? before!), moved: positions, job: jobId }
    })
  }
  catch (error) {
    // Somebody wrote one between the look and the change, past the lock of the device.
    if (databaseError(error).constraint !== 'device_fittings_one_vehicle') throw error
    throw overlaps('another vehicle')
  }
}

function isSame(before: Fitting, after: FittingCreate): boolean {
  const { vehicleId, from, to } = after
  return before.vehicle.id === vehicleId && before.from === iso(from) && before.to === iso(to)
}

function iso(moment: string | null): string | null {
  return moment === null ? null : new Date(moment).toISOString()
}

function refuseImpossible({ from, to }: FittingCreate): void {
  const now = Date.now()
  const late = (moment: string | null) => moment !== null && new Date(moment).getTime() > now
  if (late(from)) throw new InvalidInputError([{ path: 'from', message: 'must not be in the future' }])
  if (late(to)) throw new InvalidInputError([{ path: 'to', message: 'must not be in the future' }])
  if (from !== null && to !== null && new Date(from) >= new Date(to))
    throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
}

/** The same as the constraint, with the name of the vehicle that the device was in. */
async function refuseOverlap(
  tx: Transaction, deviceId: string, id: string | null, { from, to }: FittingCreate,
): Promise<void> {
  const [other] = await select(tx, and(
    eq(deviceFittings.deviceId, deviceId), id ? ne(deviceFittings.id, id) : undefined,
    sql`tstzrange(${deviceFittings.fittedAt}, ${deviceFittings.removedAt})
      && tstzrange(${from ?? '-infinity'}::timestamptz, ${to}::timestamptz)`,
  ))
  if (other) throw overlaps(other.vehicle.name, other)
}

function overlaps(vehicle: string, other?: Fitting): ConflictError {
  const time = other ? ` (${other.from ?? 'the beginning'} to ${other.to ?? 'now'})` : ''
  return new ConflictError(`The device was in ${vehicle} at that time${time}. Correct that fitting first.`, {
    errors: [{ path: 'from', message: `overlaps with the time in ${vehicle}${time}` }],
  })
}

async function write(
  tx: Transaction, row: { id: string, organisationId: string, deviceId: string }, isThere: boolean,
  after: FittingCreate | null,
): Promise<void> {
  if (!after) {
    await tx.delete(deviceFittings).where(eq(deviceFittings.id, row.id))
    return
  }
  const { vehicleId, from, to } = after
  const times = {
    fittedAt: sql`${from ?? '-infinity'}::timestamptz` as unknown as Date,
    removedAt: to === null ? null : new Date(to),
  }
  if (isThere)
    await tx.update(deviceFittings).set({ vehicleId, ...times }).where(eq(deviceFittings.id, row.id))
  else await tx.insert(deviceFittings).values({ ...row, vehicleId, ...times })
}

async function presentVehicle(tx: Transaction, deviceId: string): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`SELECT vehicle_id AS id FROM device_fittings
    WHERE device_id = ${deviceId} AND removed_at IS NULL`)
  return rows[0]?.id ?? null
}

/** Where the two differ: what they have in common in one vehicle is looked at by nobody. */
function changedPeriods(before: Fitting | null, after: Fitting | null): Period[] {
  const time = (moment: string) =>
    moment === '-infinity' ? -Infinity : moment === 'infinity' ? Infinity : new Date(moment).getTime()
  const earlier = (one: string, other: string) => time(one) < time(other) ? one : other
  const later = (one: string, other: string) => time(one) < time(other) ? other : one
  const [a, b] = [before, after].map(one => (
    one && { from: one.from ?? '-infinity', to: one.to ?? 'infinity' }
  ))
  if (!a || !b) return [a, b].filter(one => one != null)
  if (before!.vehicle.id !== after!.vehicle.id) {
    const apart = time(a.to) <= time(b.from) || time(b.to) <= time(a.from)
    return apart ? [a, b] : [{ from: earlier(a.from, b.from), to: later(a.to, b.to) }]
  }
  const between = (one: string, other: string): Period[] =>
    one === other ? [] : [{ from: earlier(one, other), to: later(one, other) }]
  return [...between(a.from, b.from), ...between(a.to, b.to)]
}

function audited({ vehicle, from, to }: Fitting) {
  return { vehicle: vehicle.name, from, to }
}

async function find(tx: Transaction, id: string): Promise<Fitting> {
  const [fitting] = await select(tx, eq(deviceFittings.id, id))
  if (!fitting) throw new NotFoundError('fitting')
  return fitting
}

async function select(tx: Transaction, where: SQL | undefined): Promise<Fitting[]> {
  const rows = await tx
    .select({
      id: deviceFittings.id,
      device: { id: devices.id, name: devices.name },
      vehicle: { id: vehicles.id, name: vehicles.name },
      // `-infinity` is no Date.
      from: sql<string | null>`CASE WHEN isfinite(${deviceFittings.fittedAt}) THEN ${deviceFittings.fittedAt} END::text`,
      to: sql<string | null>`${deviceFittings.removedAt}::text`,
    })
    .from(deviceFittings)
    .innerJoin(devices, eq(devices.id, deviceFittings.deviceId))
    .innerJoin(vehicles, eq(vehicles.id, deviceFittings.vehicleId))
    .where(where)
    .orderBy(sql`${deviceFittings.fittedAt} DESC`, sql`${deviceFittings.id} DESC`)
    .limit(most)
  return rows.map(row => ({ ...row, from: iso(row.from), to: iso(row.to) }))
}

function toList(items: Fitting[]): Fittings {
  return { items, nextCursor: null, total: items.length }
}
