import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { listDeviceFittings, updateFitting } from '#server/fleet/devices/fittings.ts'
import { keepWithinTime } from '#server/fleet/history/retention.ts'
import {
  previewRetention, readRetention, updateRetention,
} from '#server/fleet/history/retention-settings.ts'
import { createIngest, type Ingest } from '#server/fleet/ingest/ingest.ts'
import { createPositionDays } from '#server/fleet/ingest/days.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { listDevicePositions, listPositions } from '#server/fleet/positions/positions.ts'
import type { RetentionSettings } from '#shared/retention.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let service: DatabaseService
let ingest: Ingest
beforeEach(async () => {
  database = await createTestDatabase()
  const log = pino({ level: 'silent' })
  service = openDatabase({ primaryUrl: database.servingUrl, replicaUrl: null, maxConnections: 5, log })
  ingest = createIngest({ database: service, outbox: { publish() {} }, log })
  return async () => {
    await ingest.close()
    await service.close()
    await database.drop()
  }
})

const day = 86_400_000
/** Noon of a day so long ago. */
const noon = (daysAgo: number) => Math.floor(Date.now() / day) * day - daysAgo * day + day / 2
const iso = (time: number) => new Date(time).toISOString()

async function make(settings: Partial<RetentionSettings> = {}) {
  const [organisationId, userId, vehicleId, other, deviceId] = Array.from({ length: 5 }, () => randomUUID())
  await database.asOwner(`INSERT INTO organisations (id, name, positions_kept_days, positions_thinned_days, events_kept_days, messages_kept_days)
    VALUES ($1, 'O', $2, $3, $4, $5)`, [organisationId, settings.positionsKeptDays, settings.positionsThinnedDays,
    settings.eventsKeptDays, settings.messagesKeptDays])
  await database.asOwner(`INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'Kim', '')`, [userId, `${userId}@example.org`])
  await database.asOwner(`INSERT INTO memberships (id, organisation_id, user_id, role) VALUES ($1, $2, $3, 'owner')`, [randomUUID(), organisationId, userId])
  for (const id of [vehicleId, other])
    await database.asOwner(`INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, 'Car', 'car')`, [id, organisationId])
  await database.asOwner(`WITH d AS (INSERT INTO devices (id, organisation_id, name, identifier, vehicle_id) VALUES ($1, $2, 'T', $1::text, $3))
    INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id, fitted_at) VALUES ($4, $2, $1, $3, '-infinity')`.replace('$1::text', '$5'),
  [deviceId, organisationId, vehicleId, randomUUID(), deviceId])
  const actor = { userId, organisationId, role: 'owner', name: 'Kim' } as never
  return { organisationId: organisationId!, vehicleId: vehicleId!, other: other!, deviceId: deviceId!, actor }
}
type Made = Awaited<ReturnType<typeof make>>

const message = (identifier: string, time: number, more: Partial<DeviceMessage> = {}): DeviceMessage => ({
  identifiers: [identifier],
  place: { latitude: 52, longitude: 13 + (time % day) / day },
  fixTime: new Date(time),
  speed: { value: 40, unit: 'kmh' },
  courseDegrees: 90,
  altitudeMetres: 40,
  accuracyMetres: 5,
  attributes: {},
  raw: { time },
  ...more,
})
/** A straight drive of an hour, every ten seconds. */
const drive = (daysAgo: number) => Array.from({ length: 360 }, (_, n) => noon(daysAgo) + n * 10_000)
const send = ({ deviceId }: Made, times: number[]) =>
  Promise.all(times.map(time => ingest.accept(message(deviceId, time), null)))
const raw = async ({ deviceId }: Made) => (await database.asOwner<{ n: number }>(
  'SELECT count(*)::int AS n FROM positions WHERE device_id = $1', [deviceId]))[0]!.n
const partitions = async () => (await database.asOwner<{ name: string }>(
  `SELECT relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'positions'::regclass`)).map(({ name }) => name)
const partitionOf = (daysAgo: number) => `positions_${iso(noon(daysAgo)).slice(0, 10).replaceAll('-', '_')}`
async function track({ organisationId, vehicleId }: Made, daysAgo: number, of = vehicleId) {
  const { items } = await listPositions({ database: service }, organisationId, of, {
    from: iso(noon(daysAgo) - day / 2), to: iso(noon(daysAgo) + day / 2), limit: 5_000, credibility: 'ok',
  })
  return items
}
let overdue = -1
async function run(signal = new AbortController().signal) {
  const counts: Record<string, number> = {}
  const metrics = {
    count(what: string, n: number) { counts[what] = (counts[what] ?? 0) + n },
    ran(days: number) { overdue = days },
  }
  await keepWithinTime({ database: service, metrics }, { signal, progress() {} })
  return counts
}

describe('partitions by day', () => {
  it('are made for whatever is written, old fixes too; nothing is left in the default one', async () => {
    const made = await make()
    await send(made, [noon(0), noon(3), noon(90), noon(700)])
    expect(await partitions()).toEqual(expect.arrayContaining([0, 3, 90, 700].map(partitionOf)))
    expect(await database.asOwner('SELECT * FROM positions_default')).toEqual([])
    expect(await raw(made)).toBe(4)
  })

  it('a year of wrong clocks makes no thousands of them', async () => {
    const made = await make()
    await send(made, [Date.UTC(2001, 1, 1), Date.UTC(2010, 1, 1)])
    expect(await raw(made)).toBe(2)
    expect(await database.asOwner('SELECT * FROM positions_default')).toHaveLength(2)
  })

  it('while somebody reads the default one for long, a fix is stored there, and the job moves it later', async () => {
    const made = await make()
    const reader = new pg.Client({ connectionString: database.ownerUrl })
    await reader.connect()
    await reader.query('BEGIN; SELECT * FROM positions_default')
    await send(made, [noon(40)])
    expect(await partitions()).not.toContain(partitionOf(40))
    expect(await raw(made)).toBe(1)
    await reader.query('COMMIT')
    await reader.end()
    await service.write(tx => tx.execute('SELECT make_position_days_ahead(14)').then(() => null))
    expect(await partitions()).toContain(partitionOf(40))
    expect(await database.asOwner('SELECT * FROM positions_default')).toEqual([])
    expect(await raw(made)).toBe(1)
  })

  it('the previous version makes them, too', async () => {
    await database.asOwner(`DROP TABLE ${partitionOf(-14)}`)
    await service.write(tx => tx.execute('SELECT make_position_partitions(3)').then(() => null))
    expect(await partitions()).toContain(partitionOf(-14))
  })

  it('a day is asked for once', async () => {
    let asked = 0
    const write = async () => {
      asked++
    }
    const days = createPositionDays({ write } as never)
    await days.prepare([new Date(noon(5)), new Date(noon(5) + 1)])
    await days.prepare([new Date(noon(5)), new Date(noon(0))])
    expect(asked).toBe(1)
  })
})

describe('what an organisation keeps', () => {
  let short: Made
  let forever: Made
  beforeEach(async () => {
    short = await make({
      positionsKeptDays: 30, positionsThinnedDays: 10, eventsKeptDays: 30, messagesKeptDays: 30,
    })
    forever = await make()
    for (const daysAgo of [2, 12, 40]) await send(short, drive(daysAgo))
    for (const daysAgo of [12, 40]) await send(forever, drive(daysAgo).slice(0, 10))
  })

  it('is there as it came, then simplified, then gone; another organisation\'s is untouched', async () => {
    const before = await track(short, 12)
    expect(before).toHaveLength(360)
    expect(await run()).toMatchObject({ 'positions-thinned': 360, 'positions-deleted': 360 })
    expect([await raw(short), await raw(forever)]).toEqual([360, 20])
    expect(overdue).toBe(0)
    const after = await track(short, 12)
    expect(after.length).toBeLessThan(20)
    expect([after[0]!.fixTime, after.at(-1)!.fixTime]).toEqual([before[0]!.fixTime, before.at(-1)!.fixTime])
    expect(after[0]).toMatchObject({ latitude: 52, speedKmh: 40, courseDegrees: 90, credibility: 'ok', reason: expect.stringContaining('10 m') })
    expect(await track(short, 40)).toEqual([])
    expect(await track(short, 2)).toHaveLength(360)
    const [packed] = await database.asOwner<{ fixes: number, metres: number }>('SELECT fixes, metres FROM position_days')
    expect(packed!.fixes).toBe(360)
    expect(packed!.metres).toBeCloseTo(359 * 10 / 86_400 * 111_195 * Math.cos(52 * Math.PI / 180), -1)
    // A second run finds nothing more to do.
    expect(await run()).not.toHaveProperty('positions-thinned', expect.toSatisfy((n: number) => n > 0))
    expect(await track(short, 12)).toEqual(after)
  })

  it('page by page the same as in one, over both kinds', async () => {
    await run()
    const services = { database: service }
    for (const isDevice of [false, true]) {
      const ask = (limit: number, cursor?: string) => isDevice
        ? listDevicePositions(services, short.organisationId, short.deviceId, { limit, cursor })
        : listPositions(services, short.organisationId, short.vehicleId, { from: iso(noon(20)), to: iso(noon(0)), limit, cursor, credibility: 'ok' })
      const whole = (await ask(5_000)).items
      const pages = []
      for (let cursor: string | undefined; ;) {
        const page = await ask(7, cursor)
        pages.push(...page.items)
        if (!page.nextCursor) break
        cursor = page.nextCursor
      }
      expect(pages).toEqual(whole)
      expect(new Set(whole.map(({ fixTime }) => fixTime.slice(0, 10))).size).toBe(2)
    }
  })

  it('what comes after the day was thinned is thinned with it', async () => {
    await run()
    const late = noon(12) + 7_200_000
    await send(short, [late])
    expect((await track(short, 12)).at(-1)!.fixTime).toBe(iso(late))
    await run()
    // It went straight on: the end of the drive is no corner any more.
    expect((await track(short, 12)).map(({ fixTime }) => fixTime)).toEqual([iso(noon(12)), iso(late)])
    expect(await raw(short)).toBe(360)
    expect(await database.asOwner('SELECT fixes FROM position_days')).toEqual([{ fixes: 361 }])
  })

  it('a partition is dropped whole where all agree, and where nothing is left in it', async () => {
    await database.asOwner('UPDATE organisations SET positions_kept_days = 30, positions_thinned_days = NULL')
    const counts = await run()
    expect(counts).toMatchObject({ 'partitions-dropped': 1 })
    expect(counts['positions-deleted'] ?? 0).toBe(0)
    expect(await partitions()).not.toContain(partitionOf(40))
    expect(await raw(forever)).toBe(10)
    await database.asOwner('UPDATE organisations SET positions_thinned_days = 10')
    expect(await run()).toMatchObject({ 'positions-thinned': 370, 'partitions-dropped': 1 })
    expect(await partitions()).not.toContain(partitionOf(12))
    expect([await track(short, 12), await track(forever, 12)].map(({ length }) => length > 1))
      .toEqual([true, true])
  })

  it('not before a setting is in force; and the program itself cannot delete what is kept', async () => {
    await database.asOwner(`UPDATE organisations SET retention_from = now() + interval '1 hour'`)
    expect(await run()).toEqual({})
    expect(await raw(short)).toBe(1_080)
    await database.asOwner('UPDATE organisations SET retention_from = NULL')
    const queries = service.inOrganisation(short.organisationId)
    const attempt = (statement: string) => queries.write(tx => tx.execute(statement).then(() => null))
    await expect(attempt('DELETE FROM positions')).rejects.toThrow()
    await expect(attempt(`SELECT delete_position_day('${short.deviceId}', '${iso(noon(2)).slice(0, 10)}')`)).rejects.toThrow()
    await service.write(tx => tx.execute(`SELECT drop_position_partition('${partitionOf(12)}')`).then(() => null))
    // Another organisation's device is not reached by the own setting.
    await attempt(`SELECT delete_position_day('${forever.deviceId}', '${iso(noon(40)).slice(0, 10)}')`)
    expect([await raw(short), await raw(forever)]).toEqual([1_080, 20])
  })

  it('events and messages, too', async () => {
    const events = (time: number) => message(short.deviceId, time, { events: [{ kind: 'alarm', data: { alarm: 'sos' } }] } as never)
    for (const daysAgo of [2, 41]) await ingest.accept(events(noon(daysAgo) - 5_000), null)
    for (const organisation of [short, forever])
      for (const age of [2, 41]) {
        for (const table of ['device_messages', 'quarantined_positions']) {
          const more = table === 'device_messages' ? [', outcome', `, 'judged'`] : ['', '']
          await database.asOwner(`INSERT INTO ${table} (id, organisation_id, device_id, received_at, reason, raw${more[0]})
            VALUES ($1, $2, $3, now() - $4 * interval '1 day', '', '{}'${more[1]})`, [randomUUID(), organisation.organisationId, organisation.deviceId, age])
        }
      }
    expect(await run()).toMatchObject({ 'events-deleted': 1, 'messages-deleted': 2 })
    const left = async (table: string) => (await database.asOwner<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]!.n
    expect([await left('device_events'), await left('device_messages'), await left('quarantined_positions')]).toEqual([1, 3, 3])
  })

  it('a run that is ended in the middle is gone on with', async () => {
    const abort = new AbortController()
    let steps = 0
    const metrics = { count() {}, ran() {} }
    const progress = () => {
      if (++steps === 3) abort.abort()
    }
    await expect(keepWithinTime({ database: service, metrics }, { signal: abort.signal, progress }))
      .rejects.toThrow()
    await run()
    expect(await raw(short)).toBe(360)
    expect(await database.asOwner('SELECT fixes FROM position_days')).toEqual([{ fixes: 360 }])
  })

  it('a run whose time is over says how far it is behind', async () => {
    let time = 0
    const metrics = {
      count() {},
      ran(days: number) {
        overdue = days
      },
    }
    const services = { database: service, metrics, now: () => time += 400_000 }
    await keepWithinTime(services, { signal: new AbortController().signal, progress() {} })
    expect(overdue).toBeGreaterThan(25)
  })

  it('a corrected fitting cuts a packed day in two, and each vehicle has its part', async () => {
    await run()
    const services = { database: service }
    const [fitting] = (await listDeviceFittings(services, short.organisationId, short.deviceId)).items
    const whole = await track(short, 12)
    const middle = noon(12) + 1_800_000
    await updateFitting(services, short.actor, fitting!.id, { from: iso(middle) })
    expect(await track(short, 12)).toEqual(whole.filter(({ fixTime }) => fixTime >= iso(middle)))
    await updateFitting(services, short.actor, fitting!.id, { from: null, vehicleId: short.other })
    expect(await track(short, 12)).toEqual([])
    expect(await track(short, 12, short.other)).toEqual(whole)
  })
})

describe('the setting', () => {
  it('that deletes sooner has to be acknowledged and waits for a day; one that keeps longer is in force at once', async () => {
    const made = await make()
    await send(made, [noon(100), noon(20), noon(1)])
    const services = { database: service }
    const wanted = {
      positionsKeptDays: 30, positionsThinnedDays: 10, eventsKeptDays: null, messagesKeptDays: null,
    }
    expect(await previewRetention(services, made.organisationId, wanted)).toEqual({
      positionsDeleted: 1, positionsThinned: 1, eventsDeleted: 0, messagesDeleted: 0, isShorter: true,
    })
    await expect(updateRetention(services, made.actor, { ...wanted, acknowledged: false })).rejects.toThrow(/acknowledged/)
    const { inForceFrom } = await updateRetention(services, made.actor, { ...wanted, acknowledged: true })
    expect(Date.parse(inForceFrom!) - Date.now()).toBeGreaterThan(23 * 3_600_000)
    await run()
    expect(await raw(made)).toBe(3)
    // Longer than what waits, and shorter than what was in force: it waits on.
    await updateRetention(services, made.actor, { ...wanted, positionsKeptDays: 60, acknowledged: false })
    expect((await readRetention(services, made.organisationId)).inForceFrom).toBe(inForceFrom)
    const [entry] = await database.asOwner<{ action: string }>('SELECT action FROM audit_entries ORDER BY id DESC LIMIT 1')
    expect(entry!.action).toBe('organisation.retention-changed')
  })
})
