import { sql } from 'drizzle-orm'
import type { Database, Transaction } from '#server/database/port.ts'
import {
  effective,
  judgeBatch,
  momentKey,
  type Arrived,
  type DeviceUpdate,
  type Fittings,
  type KeptMessage,
  type Late,
  type Neighbours,
  type Quarantined,
  type RecordedMessage,
  type Settled,
  type StoredEvent,
  type StoredFix,
  type Verdict,
  type Writes,
} from './batch.ts'
import type { Protocol } from '#shared/devices.ts'
import type { VehicleKind } from '#shared/vehicles.ts'
import type { DeviceState, Point } from './state.ts'

export interface StoreResult {
  /** Those that were not there before. */
  stored: Set<StoredFix>
  /** Those that became their vehicle's newest. */
  moved: Set<StoredFix>
  /** By organisation, the outbox's row that tells of what moved. */
  eventIds: Map<string, string>
  /** The outbox's rows that tell of events: each event once. */
  happened: { id: string, organisationId: string, deviceEventId: string }[]
}

const nothingStored = (): StoreResult => ({
  stored: new Set(), moved: new Set(), eventIds: new Map(), happened: [],
})
const nothing: Writes = {
  fixes: [], states: [], events: [], quarantined: [], messages: [], settled: [], recorded: [],
}

/**
 * Judges messages by what is known of their devices and commits what comes of it, for any number of
 * organisations, in one transaction; fixes, states and events in one statement. A fix that is there already
 * changes nothing, nor does an event or a message that is kept; only credible fixes move a live state, and an
 * older one never moves it back.
 *
 * The rows of the devices are locked first, in their order: two instances that judge one device at once would
 * both compare with a place that is not the last any more. Where the devices were is asked after that: who
 * changes a fitting waits for the same lock, so that a fix is either stored by the new one or moved by it.
 * @param kept messages that were refused, to be kept as they came.
 */
export function storeMessages(
  database: Database,
  arrived: Arrived[],
  kept: KeptMessage[] = [],
): Promise<StoreResult & { verdicts: Verdict[] }> {
  const organisations = organisationsOf([...arrived, ...kept])
  return database.withKey('ingest', organisations).write(
    async (tx) => {
      if (arrived.length === 0) {
        await insertMessages(tx, kept)
        return { ...nothingStored(), verdicts: [] }
      }
      const [states, known] = await Promise.all([lockStates(tx, arrived), fittingsOf(tx, arrived)])
      let fittings = known
      const begun = arrived.filter(({ device }) => !states.has(device.id))
      if (begun.length) [, fittings] = await Promise.all([lockDevices(tx, begun), fittingsOf(tx, arrived)])
      const { late, finish } = judgeBatch(arrived, states, fittings)
      const { writes, verdicts } = finish(late.length ? await neighboursOf(tx, late) : new Map())
      const result = await write(tx, { ...writes, messages: [...writes.messages, ...kept] })
      return { ...result, verdicts }
    },
    { repeatable: true },
  )
}

/** Quarantines messages that nothing else can be made of. */
export async function storeQuarantined(database: Database, quarantined: Quarantined[]): Promise<void> {
  const latest = new Map(quarantined.map(one => [one.device.id, one]))
  const states = [...latest.values()].map(({ device, receivedAt }) => ({ device, receivedAt }))
  await database.withKey('ingest', organisationsOf(quarantined)).write(
    async (tx) => {
      await Promise.all([insertQuarantined(tx, quarantined), markSeen(tx, states)])
      return null
    },
    { repeatable: true },
  )
}

/** Commits a history that is known to be right, such as the demo's. */
export async function storeHistory(database: Database, fixes: StoredFix[]): Promise<void> {
  const sorted = fixes.toSorted((a, b) => effective(a) - effective(b))
  const newest = new Map(sorted.map(fix => [fix.device.id, fix]))
  const states = [...newest.values()].map((fix): DeviceUpdate => ({
    device: fix.device, receivedAt: fix.receivedAt, fix, protocol: null, clockOffsetMs: null,
    intervalSeconds: null, battery: { percent: null, volts: null }, memory: {},
  }))
  await database.withKey('ingest', organisationsOf(fixes)).write(
    async (tx) => {
      await write(tx, { ...nothing, fixes, states })
      return null
    },
    { repeatable: true },
  )
}

function organisationsOf(all: { device: { organisationId: string } }[]): string {
  return [...new Set(all.map(({ device }) => device.organisationId))].sort().join(',')
}

/** One after another without waiting: they share a round trip. */
async function write(tx: Transaction, writes: Writes): Promise<StoreResult> {
  const { quarantined, messages, settled, recorded } = writes
  const [result] = await Promise.all([
    insertFixes(tx, writes),
    quarantined.length ? insertQuarantined(tx, quarantined) : null,
    messages.length ? insertMessages(tx, messages) : null,
    settled.length ? settle(tx, settled) : null,
    recorded.length ? insertRecorded(tx, recorded) : null,
  ])
  return result
}

async function lockStates(tx: Transaction, arrived: Arrived[]): Promise<Map<string, DeviceState>> {
  const ids = [...new Set(arrived.map(({ device }) => device.id))]
  const { rows } = await tx.execute<{
    device_id: string
    time: number | null
    latitude: number
    longitude: number
    accuracy_metres: number | null
    clock_offset_seconds: number | null
    interval_seconds: number | null
    judging: DeviceState['memory'] | null
  }>(sql`
    SELECT device_id, (extract(epoch FROM fix_time) * 1000)::float8 AS time, latitude, longitude,
      accuracy_metres, clock_offset_seconds, interval_seconds, judging
    FROM device_states WHERE device_id = ANY (${sql.param(ids)}::uuid[]) ORDER BY device_id
    FOR NO KEY UPDATE`)
  return new Map(rows.map(row => [row.device_id, {
    last: row.time === null ? null : toPoint({ ...row, time: row.time }),
    clockOffsetMs: row.clock_offset_seconds === null ? null : row.clock_offset_seconds * 1000,
    intervalSeconds: row.interval_seconds,
    memory: row.judging ?? {},
  }]))
}

function toPoint(
  row: { time: number, latitude: number, longitude: number, accuracy_metres: number | null },
): Point {
  const { latitude, longitude } = row
  return { time: Math.round(row.time), latitude, longitude, accuracyMetres: row.accuracy_metres }
}

/**
 * Where the devices of a batch were, and when. A statement of its own after the lock: it sees what was
 * committed while that was waited for.
 */
async function fittingsOf(tx: Transaction, arrived: Arrived[]): Promise<Fittings> {
  const ids = [...new Set(arrived.map(({ device }) => device.id))]
  const { rows } = await tx.execute<{
    device_id: string
    vehicle_id: string
    kind: VehicleKind
    since: number
    until: number
  }>(sql`
    SELECT f.device_id, f.vehicle_id, v.kind, extract(epoch FROM f.fitted_at)::float8 * 1000 AS since,
      coalesce(extract(epoch FROM f.removed_at)::float8 * 1000, 'infinity') AS until
    FROM device_fittings f JOIN vehicles v ON v.id = f.vehicle_id
    WHERE f.device_id = ANY (${sql.param(ids)}::uuid[])`)
  return new Map([...Map.groupBy(rows, row => row.device_id)].map(([id, own]) => [
    id, own.map(({ vehicle_id: vehicleId, kind, since, until }) => (
      { vehicleId, kind, from: Number(since), to: Number(until) }
    )),
  ]))
}

/** Devices that have no row of state to be locked yet. Who changes a fitting locks them, too. */
async function lockDevices(tx: Transaction, begun: Arrived[]): Promise<void> {
  const ids = [...new Set(begun.map(({ device }) => device.id))]
  await tx.execute(sql`
    SELECT id FROM devices WHERE id = ANY (${sql.param(ids)}::uuid[]) ORDER BY id FOR SHARE`)
}

/** Past it any place can have been reached, and months need not be looked through. */
const neighbourHours = 24

async function neighboursOf(tx: Transaction, late: Late[]): Promise<Neighbours> {
  // Said as values: the plan is made without the partitions of all other days.
  const [earliest, latest] = boundsOf(late, neighbourHours)
  const { rows } = await tx.execute<Record<'device_id' | 'at', string>
    & Record<'t' | 'a' | 'b' | 'c' | 'u' | 'd' | 'e' | 'f', number | null>>(sql`
    SELECT l.device_id, (extract(epoch FROM l.fix_time) * 1000)::text AS at,
      (extract(epoch FROM p.fix_time) * 1000)::float8 AS t, p.latitude AS a, p.longitude AS b, p.accuracy_metres AS c,
      (extract(epoch FROM n.fix_time) * 1000)::float8 AS u, n.latitude AS d, n.longitude AS e, n.accuracy_metres AS f
    FROM unnest(${sql.param(late.map(({ deviceId }) => deviceId))}::uuid[],
      ${sql.param(late.map(({ fixTime }) => fixTime.toISOString()))}::timestamptz[]) AS l(device_id, fix_time)
    LEFT JOIN LATERAL (
      SELECT fix_time, latitude, longitude, accuracy_metres FROM positions
      WHERE device_id = l.device_id AND fix_time < l.fix_time AND credibility IS NULL
        AND fix_time >= l.fix_time - make_interval(hours => ${neighbourHours}) AND fix_time >= ${earliest}::timestamptz AND fix_time <= ${latest}::timestamptz
      ORDER BY fix_time DESC LIMIT 1) AS p ON true
    LEFT JOIN LATERAL (
      SELECT fix_time, latitude, longitude, accuracy_metres FROM positions
      WHERE device_id = l.device_id AND fix_time > l.fix_time AND credibility IS NULL
        AND fix_time <= l.fix_time + make_interval(hours => ${neighbourHours}) AND fix_time >= ${earliest}::timestamptz AND fix_time <= ${latest}::timestamptz
      ORDER BY fix_time LIMIT 1) AS n ON true`)
  const point = (time: number | null, ...[latitude, longitude, accuracy]: (number | null)[]) =>
    time === null
      ? null
      : toPoint({ time, latitude: latitude!, longitude: longitude!, accuracy_metres: accuracy! })
  return new Map(rows.map(({ device_id: deviceId, at, t, a, b, c, u, d, e, f }) => [
    momentKey(deviceId, new Date(Math.round(Number(at)))),
    { before: point(t, a, b, c), after: point(u, d, e, f) },
  ]))
}

/** From the earliest to the latest of them, and so many hours more on either side. */
function boundsOf(moments: { fixTime: Date }[], hours = 0): [string, string] {
  const times = moments.map(({ fixTime }) => fixTime.getTime())
  const more = hours * 3_600_000
  // A fold, because a batch may hold more than a call takes arguments.
  const least = times.reduce((a, b) => Math.min(a, b)) - more
  const most = times.reduce((a, b) => Math.max(a, b)) + more
  return [new Date(least).toISOString(), new Date(most).toISOString()]
}

async function insertFixes(tx: Transaction, { fixes, states, events }: Writes): Promise<StoreResult> {
  const column = <T>(read: (fix: StoredFix) => T) => sql.param(fixes.map(read))
  const state = <T>(read: (state: DeviceUpdate) => T) => sql.param(states.map(read))
  const event = <T>(read: (event: StoredEvent) => T) => sql.param(events.map(read))
  // Ordered by key everywhere: two instances that write the same rows wait for each other instead of
  // deadlocking. Only what was not there before moves a vehicle: a point that is sent again is not newer.
  const { rows } = await tx.execute<{
    stored: string[]
    moved: string[]
    event_ids: Record<string, string>
    happened: { id: string, organisation_id: string, event: string }[]
  }>(sql`
    WITH input AS (
      SELECT * FROM unnest(
        ${column(({ device }) => device.id)}::uuid[], ${column(({ fixTime }) => fixTime.toISOString())}::timestamptz[], ${column(({ device }) => device.organisationId)}::uuid[],
        ${column(({ vehicleId }) => vehicleId)}::uuid[], ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[],
        ${column(({ latitude }) => latitude)}::float8[], ${column(({ longitude }) => longitude)}::float8[], ${column(({ speedKmh }) => speedKmh)}::real[],
        ${column(({ courseDegrees }) => courseDegrees)}::real[], ${column(({ altitudeMetres }) => altitudeMetres)}::real[], ${column(({ accuracyMetres }) => accuracyMetres)}::real[],
        ${column(({ attributes }) => JSON.stringify(attributes))}::jsonb[], ${column(({ credibility }) => credibility)}::text[], ${column(({ reason }) => reason)}::text[])
      AS t(device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes, credibility, reason)
    ), stored AS (
      INSERT INTO positions AS p (device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes, credibility, reason)
      SELECT device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes, credibility, reason
      FROM input ORDER BY device_id, fix_time
      ON CONFLICT (device_id, fix_time) DO UPDATE SET
        vehicle_id = excluded.vehicle_id, received_at = excluded.received_at, latitude = excluded.latitude, longitude = excluded.longitude,
        speed_kmh = excluded.speed_kmh, course_degrees = excluded.course_degrees, altitude_metres = excluded.altitude_metres,
        accuracy_metres = excluded.accuracy_metres, attributes = excluded.attributes, credibility = NULL, reason = excluded.reason
      -- A message without a place must not take the place of the fix of the same second.
      WHERE p.credibility IN ('no-fix', 'outdated') AND excluded.credibility IS NULL
      RETURNING p.*
    ), seen AS (
      INSERT INTO device_states AS s (device_id, organisation_id, last_seen_at, fix_time, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres,
        protocol, clock_offset_seconds, interval_seconds, battery_percent, battery_volts, firmware, signal, judging)
      SELECT * FROM unnest(
        ${state(({ device }) => device.id)}::uuid[], ${state(({ device }) => device.organisationId)}::uuid[], ${state(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[],
        ${state(({ fix }) => fix && new Date(effective(fix)).toISOString())}::timestamptz[], ${state(({ fix }) => fix && fix.latitude)}::float8[], ${state(({ fix }) => fix && fix.longitude)}::float8[],
        ${state(({ fix }) => fix && fix.speedKmh)}::real[], ${state(({ fix }) => fix && fix.courseDegrees)}::real[], ${state(({ fix }) => fix && fix.altitudeMetres)}::real[],
        ${state(({ fix }) => fix && fix.accuracyMetres)}::real[], ${state(({ protocol }) => protocol)}::text[],
        ${state(({ clockOffsetMs }) => clockOffsetMs === null ? null : Math.round(clockOffsetMs / 1000))}::int[], ${state(({ intervalSeconds }) => intervalSeconds)}::real[],
        ${state(({ battery }) => battery.percent)}::real[], ${state(({ battery }) => battery.volts)}::real[],
        ${state(({ firmware }) => firmware ?? null)}::text[], ${state(({ signal }) => signal ?? null)}::text[],
        ${state(({ memory }) => Object.keys(memory).length ? JSON.stringify(memory) : null)}::jsonb[]) AS t(id) ORDER BY id
      ON CONFLICT (device_id) DO UPDATE SET
        last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
        (fix_time, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres) = (
          SELECT * FROM (VALUES
            (excluded.fix_time, excluded.latitude, excluded.longitude, excluded.speed_kmh, excluded.course_degrees, excluded.altitude_metres, excluded.accuracy_metres),
            (s.fix_time, s.latitude, s.longitude, s.speed_kmh, s.course_degrees, s.altitude_metres, s.accuracy_metres)
          ) AS v(t, a, b, c, d, e, f) ORDER BY t DESC NULLS LAST LIMIT 1),
        protocol = coalesce(excluded.protocol, s.protocol), clock_offset_seconds = excluded.clock_offset_seconds, interval_seconds = excluded.interval_seconds,
        battery_percent = coalesce(excluded.battery_percent, s.battery_percent), battery_volts = coalesce(excluded.battery_volts, s.battery_volts),
        firmware = coalesce(excluded.firmware, s.firmware), signal = coalesce(excluded.signal, s.signal), judging = excluded.judging
    ), moved AS (
      INSERT INTO vehicle_states AS s (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
      SELECT DISTINCT ON (vehicle_id) vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes
      FROM stored WHERE vehicle_id IS NOT NULL AND credibility IS NULL ORDER BY vehicle_id, least(fix_time, received_at) DESC, fix_time DESC
      ON CONFLICT (vehicle_id) DO UPDATE SET
        device_id = excluded.device_id, fix_time = excluded.fix_time, received_at = excluded.received_at, latitude = excluded.latitude, longitude = excluded.longitude,
        speed_kmh = excluded.speed_kmh, course_degrees = excluded.course_degrees, altitude_metres = excluded.altitude_metres,
        accuracy_metres = excluded.accuracy_metres, attributes = excluded.attributes
      -- A fix that is ahead of its receipt counts from its receipt: the next one is newer.
      WHERE (least(excluded.fix_time, excluded.received_at), excluded.fix_time) > (least(s.fix_time, s.received_at), s.fix_time)
      RETURNING vehicle_id, organisation_id, device_id, fix_time
    ), happened AS (
      INSERT INTO device_events (organisation_id, device_id, fix_time, kind, content_hash, id, vehicle_id, received_at, latitude, longitude, data)
      SELECT DISTINCT ON (o, d, t, k, h) * FROM unnest(
        ${event(({ device }) => device.organisationId)}::uuid[], ${event(({ device }) => device.id)}::uuid[], ${event(({ fixTime }) => fixTime.toISOString())}::timestamptz[],
        ${event(({ kind }) => kind)}::text[], ${event(({ contentHash }) => contentHash)}::text[], ${event(({ id }) => id)}::uuid[], ${event(({ vehicleId }) => vehicleId)}::uuid[],
        ${event(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${event(({ place }) => place && place.latitude)}::float8[], ${event(({ place }) => place && place.longitude)}::float8[],
        ${event(({ data }) => JSON.stringify(data))}::jsonb[]) AS e(o, d, t, k, h, i, v, r, a, b, j) ORDER BY o, d, t, k, h
      ON CONFLICT DO NOTHING
      RETURNING id, organisation_id
    ), entries AS (
      INSERT INTO outbox (id, organisation_id, name, data)
      SELECT gen_random_uuid(), organisation_id, 'positions', jsonb_build_object('vehicleIds', jsonb_agg(vehicle_id)) FROM moved GROUP BY organisation_id
      RETURNING organisation_id, id
    ), told AS (
      INSERT INTO outbox (id, organisation_id, name, data)
      SELECT gen_random_uuid(), organisation_id, 'changed', jsonb_build_object('type', 'device-event', 'id', id, 'change', 'created') FROM happened
      RETURNING organisation_id, id, data->>'id' AS event
    )
    SELECT
      coalesce((SELECT array_agg(device_id || ' ' || (extract(epoch FROM fix_time) * 1000)::bigint) FROM stored), '{}') AS stored,
      coalesce((SELECT array_agg(device_id || ' ' || (extract(epoch FROM fix_time) * 1000)::bigint) FROM moved), '{}') AS moved,
      coalesce((SELECT json_object_agg(organisation_id, id) FROM entries), '{}') AS event_ids,
      coalesce((SELECT json_agg(told) FROM told), '[]') AS happened`)
  const [row] = rows
  // By their key: a join for it in the statement compares each of 500 with each.
  const known = new Map(fixes.map(fix => [momentKey(fix.device.id, fix.fixTime), fix]))
  const named = (keys: string[]) => new Set(keys.flatMap(key => known.get(key) ?? []))
  return {
    stored: named(row!.stored),
    moved: named(row!.moved),
    eventIds: new Map(Object.entries(row!.event_ids)),
    happened: row!.happened.map(({ id, organisation_id: organisationId, event: deviceEventId }) =>
      ({ id, organisationId, deviceEventId })),
  }
}

/** What had been waiting for its neighbour is believed now, or finally not. */
async function settle(tx: Transaction, settled: Settled[]): Promise<void> {
  const column = <T>(read: (one: Settled) => T) => sql.param(settled.map(read))
  const [earliest, latest] = boundsOf(settled)
  await Promise.all([tx.execute(sql`
    UPDATE device_messages AS m SET
      credibility = CASE WHEN t.believed THEN 'ok' ELSE m.credibility END,
      reason = replace(m.reason, '; the next fix has not confirmed it', CASE WHEN t.believed THEN '; the next fix has confirmed it' ELSE ', and as fast to the next' END)
    FROM unnest(${column(({ device }) => device.id)}::uuid[], ${column(({ fixTime }) => fixTime.toISOString())}::timestamptz[], ${column(({ believed }) => believed)}::boolean[])
      AS t(device_id, fix_time, believed)
    WHERE m.device_id = t.device_id AND m.fix_time = t.fix_time AND m.credibility = 'implausible'`), tx.execute(sql`
    UPDATE positions AS p SET
      credibility = CASE WHEN t.believed THEN NULL ELSE p.credibility END,
      reason = CASE WHEN t.believed THEN NULL ELSE replace(p.reason, '; the next fix has not confirmed it', ', and as fast to the next') END
    FROM unnest(${column(({ device }) => device.id)}::uuid[], ${column(({ fixTime }) => fixTime.toISOString())}::timestamptz[], ${column(({ believed }) => believed)}::boolean[])
      AS t(device_id, fix_time, believed)
    WHERE p.device_id = t.device_id AND p.fix_time = t.fix_time AND p.credibility = 'implausible'
      AND p.fix_time BETWEEN ${earliest}::timestamptz AND ${latest}::timestamptz`)])
}

async function insertQuarantined(tx: Transaction, quarantined: Quarantined[]) {
  const column = <T>(read: (point: Quarantined) => T) => sql.param(quarantined.map(read))
  await tx.execute(sql`
    INSERT INTO quarantined_positions (id, organisation_id, device_id, received_at, reason, raw)
    SELECT * FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ device }) => device.organisationId)}::uuid[], ${column(({ device }) => device.id)}::uuid[],
      ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${column(({ reason }) => reason)}::text[], ${column(({ raw }) => JSON.stringify(raw))}::jsonb[])
      AS t(id, organisation_id, device_id, received_at, reason, raw) ORDER BY id
    ON CONFLICT (id) DO NOTHING`)
}

async function insertMessages(tx: Transaction, messages: KeptMessage[]) {
  const column = <T>(read: (point: KeptMessage) => T) => sql.param(messages.map(read))
  await tx.execute(sql`
    INSERT INTO device_messages (id, organisation_id, device_id, received_at, fix_time, outcome, credibility, reason, raw)
    SELECT * FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ device }) => device.organisationId)}::uuid[], ${column(({ device }) => device.id)}::uuid[],
      ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${column(({ fixTime }) => fixTime && fixTime.toISOString())}::timestamptz[],
      ${column(({ outcome }) => outcome)}::text[], ${column(({ credibility }) => credibility)}::text[], ${column(({ reason }) => reason)}::text[],
      ${column(({ raw }) => JSON.stringify(raw))}::jsonb[])
      AS t(id, organisation_id, device_id, received_at, fix_time, outcome, credibility, reason, raw) ORDER BY id
    ON CONFLICT (id) DO NOTHING`)
}

async function insertRecorded(tx: Transaction, all: RecordedMessage[]) {
  // More than the ring has places for may come at once: of each place the last one.
  const places = new Map(all.map(one => [`${one.device.id} ${one.slot}`, one]))
  const recorded = [...places.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one)
  const column = <T>(read: (one: RecordedMessage) => T) => sql.param(recorded.map(read))
  await tx.execute(sql`
    INSERT INTO recorded_messages (organisation_id, device_id, slot, received_at, fix_time, outcome, protocol, raw)
    SELECT * FROM unnest(${column(({ device }) => device.organisationId)}::uuid[], ${column(({ device }) => device.id)}::uuid[], ${column(({ slot }) => slot)}::int[],
      ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${column(({ fixTime }) => fixTime && fixTime.toISOString())}::timestamptz[],
      ${column(({ outcome }) => outcome)}::text[], ${column(({ protocol }) => protocol)}::text[], ${column(({ raw }) => JSON.stringify(raw))}::jsonb[])
    ON CONFLICT (device_id, slot) DO UPDATE SET received_at = excluded.received_at, fix_time = excluded.fix_time,
      outcome = excluded.outcome, protocol = excluded.protocol, raw = excluded.raw`)
}

/** A name that came to an organisation's own address and that nobody has there. */
export interface UnknownDevice {
  organisationId: string
  identifier: string
  protocol: Protocol | null
  receivedAt: Date
  raw: Record<string, unknown>
}

/** As many as a person looks through; past it the one that was heard of the longest ago makes room. */
const unknownKept = 100

/** Keeps what is unknown, so that somebody can see it and make a device of it. */
export async function storeUnknown(database: Database, all: UnknownDevice[]): Promise<void> {
  const newest = new Map(all.map(one => [`${one.organisationId} ${one.identifier}`, one]))
  const unknown = [...newest.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one)
  const organisations = [...new Set(unknown.map(({ organisationId }) => organisationId))].sort()
  const column = <T>(read: (one: UnknownDevice) => T) => sql.param(unknown.map(read))
  await database.withKey('ingest', organisations.join(',')).write(async (tx) => {
    await tx.execute(sql`
      INSERT INTO unknown_devices AS u (id, organisation_id, identifier, protocol, first_seen_at, last_seen_at, raw)
      SELECT gen_random_uuid(), o, i, p, t, t, r FROM unnest(
        ${column(({ organisationId }) => organisationId)}::uuid[], ${column(({ identifier }) => identifier)}::text[], ${column(({ protocol }) => protocol)}::text[],
        ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[], ${column(({ raw }) => JSON.stringify(raw))}::jsonb[]) AS n(o, i, p, t, r)
      ON CONFLICT (organisation_id, identifier) DO UPDATE SET
        last_seen_at = greatest(u.last_seen_at, excluded.last_seen_at), protocol = excluded.protocol, raw = excluded.raw`)
    await tx.execute(sql`
      DELETE FROM unknown_devices WHERE id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY organisation_id ORDER BY last_seen_at DESC, id) AS n
          FROM unknown_devices WHERE organisation_id = ANY (${sql.param(organisations)}::uuid[])) AS ranked
        WHERE n > ${unknownKept})`)
    return null
  }, { repeatable: true })
}

/** The device has been heard of, even if it said nothing of use. */
async function markSeen(tx: Transaction, heard: Pick<DeviceUpdate, 'device' | 'receivedAt'>[]) {
  const latest = heard.toSorted((a, b) => a.device.id < b.device.id ? -1 : 1)
  await tx.execute(sql`
    INSERT INTO device_states AS s (device_id, organisation_id, last_seen_at)
    SELECT * FROM unnest(${sql.param(latest.map(({ device }) => device.id))}::uuid[], ${sql.param(latest.map(({ device }) => device.organisationId))}::uuid[],
      ${sql.param(latest.map(({ receivedAt }) => receivedAt.toISOString()))}::timestamptz[])
    ON CONFLICT (device_id) DO UPDATE SET last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at)`)
}
