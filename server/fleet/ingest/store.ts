import { sql } from 'drizzle-orm'
import { v5 as uuidv5 } from 'uuid'
import type { Database, Transaction } from '#server/database/port.ts'
import type { Fix } from './bounds.ts'
import type { KnownDevice } from './devices.ts'

/** A fix with the device that sent it. */
export interface StoredFix extends Fix {
  device: KnownDevice
  receivedAt: Date
}

export interface Quarantined {
  /** By `quarantineId`. */
  id: string
  device: KnownDevice
  reason: string
  raw: Record<string, unknown>
  receivedAt: Date
}

/**
 * The id of a point in quarantine, from what it says: the same message has the same one however often it is
 * stored, by this instance, by another that Nginx asked, or because the device did not hear the answer.
 */
export function quarantineId(device: KnownDevice, raw: Record<string, unknown>): string {
  return uuidv5(JSON.stringify(raw), device.id)
}

export interface StoreResult {
  /** Index into the fixes: those that were not there before. */
  stored: Set<number>
  /** Index into the fixes: those that became their vehicle's newest. */
  moved: Set<number>
  /** By organisation, the outbox's row that tells of what moved. */
  eventIds: Map<string, string>
}

export const nothingStored: StoreResult = { stored: new Set(), moved: new Set(), eventIds: new Map() }

/**
 * Commits fixes and quarantined points together, for any number of organisations, in one transaction and one
 * statement for the fixes. A fix that is there already changes nothing, nor does a quarantined point; an
 * older fix never moves a live state back.
 */
export function storeFixes(
  database: Database,
  fixes: StoredFix[],
  quarantined: Quarantined[],
): Promise<StoreResult> {
  const organisations = [
    ...new Set([...fixes, ...quarantined].map(({ device }) => device.organisationId)),
  ].sort()
  return database.withKey('ingest', organisations.join(',')).write(
    async (tx) => {
      if (quarantined.length) await insertQuarantined(tx, quarantined)
      return fixes.length ? await insertFixes(tx, fixes) : nothingStored
    },
    { repeatable: true },
  )
}

async function insertFixes(tx: Transaction, fixes: StoredFix[]): Promise<StoreResult> {
  const column = <T>(read: (fix: StoredFix) => T) => sql.param(fixes.map(read))
  // Ordered by key everywhere: two instances that write the same rows wait for each other instead of
  // deadlocking.
  const { rows } = await tx.execute<{
    stored: number[]
    moved: number[]
    event_ids: Record<string, string>
  }>(sql`
    WITH input AS (
      SELECT * FROM unnest(
        ${sql.param(fixes.map((_, index) => index))}::int[], ${column(fix => fix.device.id)}::uuid[], ${column(fix => fix.fixTime.toISOString())}::timestamptz[],
        ${column(fix => fix.device.organisationId)}::uuid[], ${column(fix => fix.device.vehicleId)}::uuid[], ${column(fix => fix.receivedAt.toISOString())}::timestamptz[],
        ${column(fix => fix.latitude)}::float8[], ${column(fix => fix.longitude)}::float8[], ${column(fix => fix.speedKmh)}::real[],
        ${column(fix => fix.courseDegrees)}::real[], ${column(fix => fix.altitudeMetres)}::real[], ${column(fix => fix.accuracyMetres)}::real[],
        ${column(fix => JSON.stringify(fix.attributes))}::jsonb[])
      AS t(n, device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
    ), stored AS (
      INSERT INTO positions (device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
      SELECT device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes
      FROM input ORDER BY device_id, fix_time
      ON CONFLICT (device_id, fix_time) DO NOTHING
      RETURNING device_id, fix_time
    ), seen AS (
      INSERT INTO device_states AS s (device_id, organisation_id, last_seen_at, fix_time, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres)
      SELECT DISTINCT ON (device_id) device_id, organisation_id, received_at, fix_time, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres
      FROM input ORDER BY device_id, fix_time DESC
      ON CONFLICT (device_id) DO UPDATE SET
        last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
        (fix_time, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres) = (
          SELECT * FROM (VALUES
            (excluded.fix_time, excluded.latitude, excluded.longitude, excluded.speed_kmh, excluded.course_degrees, excluded.altitude_metres, excluded.accuracy_metres),
            (s.fix_time, s.latitude, s.longitude, s.speed_kmh, s.course_degrees, s.altitude_metres, s.accuracy_metres)
          ) AS v(t, a, b, c, d, e, f) ORDER BY t DESC NULLS LAST LIMIT 1)
    ), moved AS (
      INSERT INTO vehicle_states AS s (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
      SELECT DISTINCT ON (vehicle_id) vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes
      FROM input WHERE vehicle_id IS NOT NULL ORDER BY vehicle_id, fix_time DESC
      ON CONFLICT (vehicle_id) DO UPDATE SET
        device_id = excluded.device_id, fix_time = excluded.fix_time, received_at = excluded.received_at, latitude = excluded.latitude, longitude = excluded.longitude,
        speed_kmh = excluded.speed_kmh, course_degrees = excluded.course_degrees, altitude_metres = excluded.altitude_metres,
        accuracy_metres = excluded.accuracy_metres, attributes = excluded.attributes
      WHERE excluded.fix_time > s.fix_time
      RETURNING vehicle_id, device_id, fix_time, organisation_id
    ), entries AS (
      INSERT INTO outbox (id, organisation_id, name, data)
      SELECT gen_random_uuid(), organisation_id, 'positions', jsonb_build_object('vehicleIds', jsonb_agg(vehicle_id)) FROM moved GROUP BY organisation_id
      RETURNING organisation_id, id
    )
    SELECT
      coalesce((SELECT array_agg(k) FROM (SELECT min(n) AS k FROM input JOIN stored USING (device_id, fix_time) GROUP BY device_id, fix_time) AS x), '{}') AS stored,
      coalesce((SELECT array_agg(k) FROM (SELECT min(n) AS k FROM input JOIN moved USING (vehicle_id, device_id, fix_time) GROUP BY vehicle_id) AS y), '{}') AS moved,
      coalesce((SELECT json_object_agg(organisation_id, id) FROM entries), '{}') AS event_ids`)
  return {
    stored: new Set(rows[0]!.stored),
    moved: new Set(rows[0]!.moved),
    eventIds: new Map(Object.entries(rows[0]!.event_ids)),
  }
}

async function insertQuarantined(tx: Transaction, quarantined: Quarantined[]) {
  const column = <T>(read: (point: Quarantined) => T) => sql.param(quarantined.map(read))
  await tx.execute(sql`
    INSERT INTO quarantined_positions (id, organisation_id, device_id, received_at, reason, raw)
    SELECT * FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ device }) => device.organisationId)}::uuid[], ${column(({ device }) => device.id)}::uuid[],
      ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${column(({ reason }) => reason)}::text[], ${column(({ raw }) => JSON.stringify(raw))}::jsonb[])
      AS t(id, organisation_id, device_id, received_at, reason, raw) ORDER BY id
    ON CONFLICT (id) DO NOTHING`)
  await markSeen(tx, quarantined)
}

/** The device has been heard of, even if it said nothing of use. */
async function markSeen(tx: Transaction, heard: { device: KnownDevice, receivedAt: Date }[]) {
  const latest = [...new Map(heard.map(one => [one.device.id, one])).values()].sort((a, b) =>
    a.device.id < b.device.id ? -1 : 1,
  )
  await tx.execute(sql`
    INSERT INTO device_states AS s (device_id, organisation_id, last_seen_at)
    SELECT * FROM unnest(${sql.param(latest.map(({ device }) => device.id))}::uuid[], ${sql.param(latest.map(({ device }) => device.organisationId))}::uuid[],
      ${sql.param(latest.map(({ receivedAt }) => receivedAt.toISOString()))}::timestamptz[])
    ON CONFLICT (device_id) DO UPDATE SET last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at)`)
}

/** Where the devices were last, for messages that say no place. */
export function lastPlaces(
  database: Database,
  known: KnownDevice[],
): Promise<Map<string, { latitude: number, longitude: number }>> {
  const organisations = [...new Set(known.map(({ organisationId }) => organisationId))]
  return database.withKey('ingest', organisations.join(',')).read(
    async (tx) => {
      const { rows } = await tx.execute<{
        device_id: string
        latitude: number | null
        longitude: number | null
      }>(sql`
      SELECT device_id, latitude, longitude FROM device_states WHERE device_id = ANY (${sql.param(known.map(({ id }) => id))}::uuid[])`)
      return new Map(
        rows.flatMap(({ device_id: id, latitude, longitude }) =>
          latitude === null || longitude === null ? [] : [[id, { latitude, longitude }]],
        ),
      )
    },
    { consistency: 'strong' },
  )
}
