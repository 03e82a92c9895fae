import { eq, sql } from 'drizzle-orm'
import { devices } from '#server/database/schema/fleet.ts'
import type { DeviceDay, DeviceDayQuery } from '#shared/device-days.ts'
import { NotFoundError } from '#shared/errors.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'

/** A device that sends every second is not said to have been silent because of a tunnel. */
const leastGapSeconds = 300

/** After so many of its intervals without a word something is missing. */
const gapIntervals = 5

type Row = {
  day: string
  fixes: number
  believed: number
  battery_first: number | null
  battery_last: number | null
  battery_least: number | null
  volts_least: number | null
  gaps: number
  silent_seconds: number
}

/**
 * What a device sent in each of the last days (UTC), the newest first: made of its positions when it is asked
 * for, so it costs nothing where positions are stored. A gap is a silence between two positions that is
 * longer than five of its usual intervals, and than five minutes; it counts for the day on which it ended.
 * @throws {NotFoundError}
 */
export async function listDeviceDays(
  { database }: Pick<FleetServices, 'database'>, organisationId: string, id: string, { days }: DeviceDayQuery,
): Promise<{ items: DeviceDay[] }> {
  return database.inOrganisation(organisationId).read(async (tx) => {
    const [device] = await tx.select({ id: devices.id }).from(devices).where(eq(devices.id, id))
    if (!device) throw new NotFoundError('device')
    const { rows } = await tx.execute<Row>(sql`
      WITH fixes AS (
        SELECT (fix_time AT TIME ZONE 'UTC')::date AS day, fix_time, credibility,
          CASE WHEN jsonb_typeof(attributes->'battery') = 'number' THEN (attributes->>'battery')::float8 END AS battery,
          CASE WHEN jsonb_typeof(attributes->'batteryVolts') = 'number' THEN (attributes->>'batteryVolts')::float8 END AS volts,
          extract(epoch FROM fix_time - lag(fix_time) OVER (ORDER BY fix_time))::float8 AS after
        FROM positions
        WHERE device_id = ${id} AND organisation_id = ${organisationId}
          AND fix_time >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => ${days - 1}::int)
          AND fix_time < now() + interval '1 day'
      ), usual AS (
        -- The median: a silence must not lengthen what it is measured by.
        SELECT greatest(${leastGapSeconds}::float8, ${gapIntervals}::int * coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY after), 0)) AS gap
        FROM fixes
      )
      SELECT day::text AS day, count(*)::int AS fixes, count(*) FILTER (WHERE credibility IS NULL)::int AS believed,
        (array_agg(battery ORDER BY fix_time) FILTER (WHERE battery IS NOT NULL))[1] AS battery_first,
        (array_agg(battery ORDER BY fix_time DESC) FILTER (WHERE battery IS NOT NULL))[1] AS battery_last,
        min(battery) AS battery_least, min(volts) AS volts_least,
        count(*) FILTER (WHERE after > gap)::int AS gaps,
        coalesce(sum(after) FILTER (WHERE after > gap), 0)::float8 AS silent_seconds
      FROM fixes CROSS JOIN usual GROUP BY day ORDER BY day DESC`)
    return {
      items: rows.map(row => ({
        day: row.day, positions: row.fixes, believed: row.believed,
        battery: row.battery_last === null
          ? null
          : { first: row.battery_first!, last: row.battery_last, least: row.battery_least! },
        leastVolts: row.volts_least, gaps: row.gaps, silentSeconds: Math.round(row.silent_seconds),
      })),
    }
  })
}
