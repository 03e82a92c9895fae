import { sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { vehicles, vehicleStates } from '#server/database/schema/fleet.ts'
import type { FleetSnapshot } from '#shared/fleet.ts'

/**
 * The organisation's vehicles that are in use, by name, with their newest positions. The database makes the
 * columns: for ten thousand vehicles it is one row of one text, and not a row of twenty fields for each.
 */
export async function fleetSnapshot(
  { database }: { database: Database },
  organisationId: string,
): Promise<FleetSnapshot> {
  const { rows } = await database.inOrganisation(organisationId).read(tx => tx.execute<{ fleet: string }>(sql`
    SELECT json_build_object(
      'id', coalesce(json_agg(id), '[]'), 'name', coalesce(json_agg(name), '[]'),
      'registration', coalesce(json_agg(registration), '[]'), 'version', coalesce(json_agg(version), '[]'),
      'latitude', coalesce(json_agg(latitude), '[]'), 'longitude', coalesce(json_agg(longitude), '[]'),
      'speedKmh', coalesce(json_agg(speed), '[]'), 'courseDegrees', coalesce(json_agg(course), '[]'),
      'fixSeconds', coalesce(json_agg(fix), '[]')
    )::text AS fleet
    FROM (
      SELECT v.id, v.name, v.registration, v.version,
        round(s.latitude::numeric, 5)::float8 AS latitude, round(s.longitude::numeric, 5)::float8 AS longitude,
        round(s.speed_kmh::numeric, 1)::float8 AS speed, round(s.course_degrees)::int AS course,
        floor(extract(epoch FROM s.fix_time))::bigint AS fix
      FROM ${vehicles} v LEFT JOIN ${vehicleStates} s ON s.vehicle_id = v.id
      WHERE v.organisation_id = ${organisationId} AND v.removed_at IS NULL
      ORDER BY lower(v.name), v.id
    ) AS listed`))
  return JSON.parse(rows[0]!.fleet) as FleetSnapshot
}
