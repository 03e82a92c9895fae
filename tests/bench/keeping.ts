import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import { openDatabase } from '../../server/database/open.ts'
import { keepWithinTime } from '../../server/fleet/history/retention.ts'
import { createIngest } from '../../server/fleet/ingest/ingest.ts'

/** Devices at 10 s, so a day has 1.04 million positions: minutes on two cores. */
const devices = 120
const everySeconds = 10
/** Trackers that send meanwhile, each a position at a time. */
const senders = 50

export interface Keeping {
  /** Positions of a day. */
  rows: number
  /** Positions a second, one day thinned and one deleted, with input and pauses beside it. */
  rate: number
  /** Points that are left of a position. */
  kept: number
  /** Bytes of a thinned day, and of the day as it came, each with its indexes. */
  bytes: { packed: number, raw: number }
  /** WAL in bytes for each position that was thinned, without input beside it. */
  walBytes: number
  /** Milliseconds that a partition's drop takes. */
  dropMs: number
  /** p99 of a position's way to its acknowledgement in ms: alone, and beside thinning and deleting. */
  p99: { alone: number, beside: number }
}

/** Thins a day, deletes one and drops one, while positions arrive. */
export async function benchKeeping(
  { servingUrl, ownerUrl }: { servingUrl: string, ownerUrl: string },
): Promise<Keeping> {
  const log = pino({ level: 'silent' })
  const open = () => openDatabase({ primaryUrl: servingUrl, replicaUrl: null, maxConnections: 5, log })
  const [database, forInput] = [open(), open()]
  const ingest = createIngest({ database: forInput, outbox: { publish() {} }, log })
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  const ask = async <Row>(text: string, values: unknown[] = []) =>
    (await owner.query(text, values)).rows as Row[]
  const [organisationId, other] = [randomUUID(), randomUUID()]
  await ask(`INSERT INTO organisations (id, name, positions_kept_days, positions_thinned_days)
    VALUES ($1, 'Keeps a month', 30, 10), ($2, 'Keeps for ever', NULL, NULL)`, [organisationId, other])
  await ask(`WITH v AS (INSERT INTO vehicles (id, organisation_id, name, kind)
      SELECT gen_random_uuid(), $1, 'V' || n, 'van' FROM generate_series(1, $2::int) n RETURNING id),
    d AS (INSERT INTO devices (id, organisation_id, name, identifier, vehicle_id)
      SELECT gen_random_uuid(), $1, 'D', 'keeping-' || $1 || row_number() OVER (), id FROM v RETURNING id, vehicle_id)
    INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id, fitted_at)
    SELECT gen_random_uuid(), $1, id, vehicle_id, '-infinity' FROM d`, [organisationId, devices])
  const rows = devices * 86_400 / everySeconds

  /** Drives every other hour, around a town; stands in between. */
  async function fill(daysAgo: number): Promise<string> {
    const [day] = await ask<{ day: string }>(`SELECT ((now() AT TIME ZONE 'UTC')::date - $1::int)::text AS day`, [daysAgo])
    await ask('SELECT make_position_days(ARRAY[$1::date])', [day!.day])
    await ask(`INSERT INTO positions (device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude,
        speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes)
      SELECT d.id, at, $2, d.vehicle_id, at, 52 + 0.05 * sin(moved / 700.0) + 0.02 * sin(moved / 90.0), 13 + 0.08 * cos(moved / 900.0),
        CASE WHEN (s / 3600) % 2 = 0 THEN 40 + 20 * sin(s / 50.0) ELSE 0 END, s % 360, 40, 5, '{"ignition":true}'
      FROM generate_series(0, 86399, $3::int) s, LATERAL (SELECT $1::date::timestamp AT TIME ZONE 'UTC' + s * interval '1 second' AS at,
        (s / 7200) * 3600 + least(s % 7200, 3600) AS moved) m, devices d WHERE d.organisation_id = $2`,
    [day!.day, organisationId, everySeconds])
    return `positions_${day!.day.replaceAll('-', '_')}`
  }
  const size = async (name: string) =>
    Number((await ask<{ n: string }>('SELECT pg_total_relation_size($1::regclass) AS n', [name]))[0]!.n)
  const lsn = async () => (await ask<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn'))[0]!.lsn
  let counts: Record<string, number> = {}
  const metrics = {
    count(what: string, n: number) {
      counts[what] = (counts[what] ?? 0) + n
    },
    ran() {},
  }
  async function run(): Promise<number> {
    counts = {}
    const started = performance.now()
    await keepWithinTime({ database, metrics }, { signal: new AbortController().signal, progress() {} })
    return (performance.now() - started) / 1000
  }

  const identifiers = (await ask<{ identifier: string }>('SELECT identifier FROM devices WHERE organisation_id = $1', [organisationId]))
    .map(({ identifier }) => identifier)
  /** Sends until told to stop; resolves to the p99. */
  function input(): () => Promise<number> {
    let going = true
    const times: number[] = []
    const all = Promise.all(Array.from({ length: senders }, async (_, n) => {
      for (let k = 0; going; k++) {
        const started = performance.now()
        await ingest.accept({
          identifiers: [identifiers[n]!],
          place: { latitude: 52 + k / 1e6, longitude: 13 },
          fixTime: new Date(),
          speed: null,
          courseDegrees: null,
          altitudeMetres: null,
          accuracyMetres: null,
          attributes: {},
          raw: {},
        }, null)
        times.push(performance.now() - started)
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }))
    return async () => {
      going = false
      await all
      return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!
    }
  }

  // Without input: what it writes.
  const raw = await size(await fill(12))
  const before = await lsn()
  await run()
  const [wal] = await ask<{ n: string }>('SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1) AS n', [before])
  const packed = await size('position_days')
  const kept = counts['points-kept']! / rows

  let stop = input()
  await new Promise(resolve => setTimeout(resolve, 10_000))
  const alone = await stop()
  await fill(13)
  const full = await fill(40)
  // Another organisation has something in it: it is deleted from.
  await ask(`INSERT INTO positions (device_id, fix_time, organisation_id, latitude, longitude)
    SELECT gen_random_uuid(), min(fix_time), $1, 52, 13 FROM ${full}`, [other])
  stop = input()
  const both = await run()
  const beside = await stop()
  await fill(41)
  await ask('UPDATE organisations SET positions_kept_days = 30')
  const dropping = performance.now()
  await ask(`SELECT drop_position_partition(name) FROM position_partitions() WHERE starts < now() - interval '40 days' ORDER BY starts LIMIT 1`)
  const dropMs = performance.now() - dropping
  await ingest.close()
  await Promise.all([database.close(), forInput.close()])
  await owner.end()
  const rate = (counts['positions-thinned']! + counts['positions-deleted']!) / both
  return {
    rows, rate, kept, bytes: { packed, raw },
    walBytes: Number(wal!.n) / rows, dropMs, p99: { alone, beside },
  }
}
