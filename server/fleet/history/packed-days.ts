import { and, desc, eq, gt, lt, sql } from 'drizzle-orm'
import type { Transaction } from '#server/database/port.ts'
import { positionDays } from '#server/database/schema/fleet.ts'
import { lengthOf, pack, simplify, unpack, type Kept } from './packed.ts'

export const dayMs = 86_400_000

/** A time, as PostgreSQL reads it: ISO 8601, or `-infinity` and `infinity`. `to` is outside of it. */
export interface Period { from: string, to: string }

type Row = typeof positionDays.$inferSelect

/** What a packed row is made of. */
export interface DayOfDevice {
  organisationId: string
  deviceId: string
  /** `yyyy-mm-dd`. */
  day: string
  vehicleId: string | null
}

/** The beginning of a day of UTC, in milliseconds since 1970. */
export function beginningOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`)
}

/**
 * Packs believed positions of a day, in order of time. What was packed of that day before is in the row with
 * them: what comes after the day was thinned is thinned, too. Resolves to the points that are more now.
 */
export async function packDay(
  tx: Transaction, of: DayOfDevice, points: Kept[], counts: { fixes: number, doubted: number },
): Promise<number> {
  const { organisationId, deviceId, day, vehicleId } = of
  const [before] = await tx.select().from(positionDays).where(and(
    eq(positionDays.organisationId, organisationId), eq(positionDays.deviceId, deviceId),
    eq(positionDays.day, day), sql`${positionDays.vehicleId} IS NOT DISTINCT FROM ${vehicleId}`,
  )).for('update')
  const known = before ? unpack(before, beginningOf(day)) : []
  const all = merged(known, points)
  const kept = simplify(all)
  await write(tx, of, kept, {
    fixes: counts.fixes + (before?.fixes ?? 0),
    doubted: counts.doubted + (before?.doubted ?? 0),
    // The longer of the two: of what was packed before, only the simplified way is known.
    metres: Math.max(lengthOf(all), before?.metres ?? 0),
  })
  return kept.length - known.length
}

/** By time; of two of one moment the first list's. */
function merged(known: Kept[], more: Kept[]): Kept[] {
  const times = new Set(known.map(({ time }) => time))
  return [...known, ...more.filter(({ time }) => !times.has(time))].sort((a, b) => a.time - b.time)
}

async function write(
  tx: Transaction, { organisationId, deviceId, day, vehicleId }: DayOfDevice, points: Kept[],
  { fixes, doubted, metres }: { fixes: number, doubted: number, metres: number },
): Promise<void> {
  const p = pack(points, beginningOf(day))
  const int = (values: (number | null)[]) => sql`${sql.param(values)}::int[]`
  const small = (values: (number | null)[]) => sql`${sql.param(values)}::smallint[]`
  await tx.execute(sql`
    INSERT INTO position_days (organisation_id, device_id, day, vehicle_id, fixes, doubted, metres, offsets,
      latitudes, longitudes, speeds, courses, altitudes)
    VALUES (${organisationId}, ${deviceId}, ${day}, ${vehicleId}, ${fixes}, ${doubted}, ${metres},
      ${int(p.offsets)}, ${int(p.latitudes)}, ${int(p.longitudes)}, ${small(p.speeds)}, ${small(p.courses)},
      ${small(p.altitudes)})
    ON CONFLICT (organisation_id, device_id, day, vehicle_id) DO UPDATE SET
      fixes = excluded.fixes, doubted = excluded.doubted, metres = excluded.metres, offsets = excluded.offsets,
      latitudes = excluded.latitudes, longitudes = excluded.longitudes, speeds = excluded.speeds,
      courses = excluded.courses, altitudes = excluded.altitudes`)
}

/** Days that are looked at in one step. */
const daysInStep = 62

/**
 * Gives the packed days of a device to the vehicles in which it was fitted: a row is cut where the fitting
 * began or ended.
 */
export async function movePackedDays(
  tx: Transaction,
  { organisationId, deviceId, period: { from, to } }: {
    organisationId: string
    deviceId: string
    period: Period
  },
): Promise<{ days: number, more: boolean, vehicles: string[] }> {
  const vehicles = new Set<string>()
  const fittings = await fittingsOf(tx, deviceId)
  let days = 0
  for (let before: string | null = null; ;) {
    const rows: Row[] = await tx.select().from(positionDays).where(and(
      eq(positionDays.organisationId, organisationId), eq(positionDays.deviceId, deviceId),
      gt(sql`${positionDays.day} + 1`, sql`${from}::timestamptz AT TIME ZONE 'UTC'`),
      lt(sql`${positionDays.day}::timestamp`, sql`${to}::timestamptz AT TIME ZONE 'UTC'`),
      before === null ? undefined : lt(positionDays.day, before),
    )).orderBy(desc(positionDays.day)).limit(daysInStep).for('update')
    // The last day of a full page may go on behind it.
    const isLast = rows.length < daysInStep
    const whole: Row[] = isLast ? rows : rows.filter(({ day }) => day !== rows.at(-1)!.day)
    for (const [, own] of Map.groupBy(whole.length ? whole : rows, ({ day }) => day)) {
      const changed = await moveDay(tx, own, fittings)
      if (changed.length) days++
      for (const id of changed) vehicles.add(id)
    }
    if (isLast) return { days, more: false, vehicles: [...vehicles] }
    if (days >= daysInStep) return { days, more: true, vehicles: [...vehicles] }
    before = (whole.length ? whole : rows).at(-1)!.day
  }
}

interface Fitting { vehicleId: string, from: number, to: number }

async function fittingsOf(tx: Transaction, deviceId: string): Promise<Fitting[]> {
  const { rows } = await tx.execute<{ vehicle_id: string, since: number, until: number }>(sql`
    SELECT vehicle_id, extract(epoch FROM fitted_at)::float8 * 1000 AS since,
      coalesce(extract(epoch FROM removed_at)::float8 * 1000, 'infinity') AS until
    FROM device_fittings WHERE device_id = ${deviceId}`)
  return rows.map(({ vehicle_id: vehicleId, since, until }) => (
    { vehicleId, from: Number(since), to: Number(until) }
  ))
}

/** The rows of one day anew, by vehicle. Resolves to the vehicles that gave or got something. */
async function moveDay(tx: Transaction, rows: Row[], fittings: Fitting[]): Promise<string[]> {
  const vehicleAt = (time: number) =>
    fittings.find(({ from, to }) => from <= time && time < to)?.vehicleId ?? null
  const [first] = rows
  const { organisationId, deviceId, day } = first!
  const start = beginningOf(day)
  const isRight = rows.every(row => (
    unpack(row, start).every(({ time }) => vehicleAt(time) === row.vehicleId)
  ))
  if (isRight) return []
  const pieces = rows.flatMap((row) => {
    const points = unpack(row, start)
    return [...Map.groupBy(points, ({ time }) => vehicleAt(time))].map(([vehicleId, own]) => {
      const share = own.length / points.length
      return {
        vehicleId, points: own, fixes: row.fixes * share, doubted: row.doubted * share,
        metres: share === 1 ? row.metres : lengthOf(own),
      }
    })
  })
  await tx.delete(positionDays).where(and(
    eq(positionDays.organisationId, organisationId), eq(positionDays.deviceId, deviceId),
    eq(positionDays.day, day),
  ))
  for (const [vehicleId, own] of Map.groupBy(pieces, piece => piece.vehicleId)) {
    const sum = (of: (piece: (typeof own)[number]) => number) => own.reduce((all, one) => all + of(one), 0)
    const points = own.flatMap(piece => piece.points).sort((a, b) => a.time - b.time)
    await write(tx, { organisationId, deviceId, day, vehicleId }, points, {
      fixes: Math.round(sum(({ fixes }) => fixes)),
      doubted: Math.round(sum(({ doubted }) => doubted)),
      metres: sum(({ metres }) => metres),
    })
  }
  const touched = [...rows.map(row => row.vehicleId), ...pieces.map(piece => piece.vehicleId)]
  return touched.filter(id => id !== null)
}
