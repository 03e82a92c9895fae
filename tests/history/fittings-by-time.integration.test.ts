import { randomInt, randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { createDevice, updateDevice } from '#server/fleet/devices/devices.ts'
import {
  addFitting, listDeviceFittings, removeFitting, updateFitting,
} from '#server/fleet/devices/fittings.ts'
import { runFittingHistory } from '#server/fleet/history/history.ts'
import { createIngest, type Ingest } from '#server/fleet/ingest/ingest.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { createVehicle, getVehicle, removeVehicle, restoreVehicle } from '#server/fleet/vehicles/vehicles.ts'
import type { Fitting } from '#shared/devices.ts'
import { ConflictError, UnavailableError } from '#shared/errors.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** `HISTORY_SEED` runs one again. */
const seed = Number(process.env.HISTORY_SEED ?? randomInt(2 ** 31))

let database: TestDatabase
/** Two instances: a device's messages, and people's changes, come to either. */
let services: DatabaseService[]
let instances: Ingest[]
const organisationId = randomUUID()
const actor = { userId: randomUUID(), organisationId, role: 'owner', name: 'Kim' } as never
const makeSecret = () => randomUUID()
const at = (n: number) => ({ database: services[n % 2]!, makeSecret })
beforeAll(async () => {
  database = await createTestDatabase()
  await database.asOwner('INSERT INTO organisations (id, name) VALUES ($1, $2)', [organisationId, 'Histories'])
  await database.asOwner(
    `INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'kim@example.org', 'Kim', '')`,
    [(actor as { userId: string }).userId])
  await database.asOwner(
    `INSERT INTO memberships (id, organisation_id, user_id, role) VALUES ($1, $2, $3, 'owner')`,
    [randomUUID(), organisationId, (actor as { userId: string }).userId])
  const log = pino({ level: 'silent' })
  services = [1, 2].map(() =>
    openDatabase({ primaryUrl: database.servingUrl, replicaUrl: null, maxConnections: 5, log }))
  instances = services.map(service => createIngest({ database: service, outbox: { publish() {} }, log }))
})
afterAll(async () => {
  await Promise.all(instances.map(instance => instance.close()))
  await Promise.all(services.map(service => service.close()))
  await database.drop()
})

const hour = 3_600_000
let names = 0
async function makeVehicles(count: number): Promise<string[]> {
  const made = await Promise.all(Array.from({ length: count }, () => createVehicle(at(0), organisationId, {
    name: `Vehicle ${names++}`, kind: 'car', registration: null, make: null, model: null, year: null, notes: null,
  })))
  return made.map(({ id }) => id)
}
async function makeDevice(vehicleId: string | null) {
  const identifier = randomUUID()
  const { id } = await createDevice(at(0), actor, {
    name: `Tracker ${names++}`, identifier, vehicleId, speedUnit: 'kmh', tokenRequired: false,
    addressRequired: false, clockCorrectionSeconds: 0,
  })
  return { id, identifier }
}
const message = (identifier: string, time: number, alarm: string | null = null): DeviceMessage => ({
  identifiers: [identifier],
  place: { latitude: 52 + (time % 1_000) / 1e7, longitude: 13 },
  fixTime: new Date(time),
  speed: null, courseDegrees: null, altitudeMetres: null, accuracyMetres: null, attributes: {},
  events: alarm ? [{ kind: 'alarm', data: { alarm } }] : [], raw: { time },
}) as DeviceMessage
/** A tracker sends again what was not taken: the machine may be out of breath. */
async function send(identifier: string, time: number, n = 0, alarm: string | null = null): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await instances[n % 2]!.accept(message(identifier, time, alarm), null)
    }
    catch (error) {
      if (!(error instanceof UnavailableError) || attempt > 20) throw error
    }
  }
}

type Stored = { time: number, vehicle: string | null }
const stored = (table: 'positions' | 'device_events', deviceId: string) => database.asOwner<Stored>(
  `SELECT (extract(epoch FROM fix_time) * 1000)::float8 AS time, vehicle_id AS vehicle FROM ${table}
    WHERE device_id = $1 ORDER BY fix_time`, [deviceId])
const vehicleOf = async (deviceId: string, time: number) =>
  (await stored('positions', deviceId)).find(one => one.time === time)?.vehicle
/** By the fittings as they are listed, which is not how they are looked up. */
const rightVehicle = (fittings: Fitting[], time: number) => fittings.find(({ from, to }) =>
  (from === null || Date.parse(from) <= time) && (to === null || time < Date.parse(to)))?.vehicle.id ?? null
const iso = (time: number) => new Date(time).toISOString()
/** Jobs that wait, done here. */
async function workOff() {
  const jobs = await database.asOwner<{ id: string, input: never }>(
    `UPDATE jobs SET state = 'done', finished_at = now() WHERE kind = 'fitting-history' AND state = 'queued'
      RETURNING id, input`)
  for (const { id, input } of jobs) {
    const finish = await runFittingHistory(at(0), {
      id, input, organisationId, signal: new AbortController().signal, progress() {},
    } as never)
    await services[0]!.inOrganisation(organisationId).write(async tx => (await finish(tx), {}))
  }
  return jobs.length
}

describe(`random histories with fittings that are changed and corrected, seed ${seed}`, () => {
  it.each(Array.from({ length: 10 }, (_, n) => n))(
    'each message is there once, and it belongs to the vehicle in which its device was at its time; so do '
    + 'events, and each vehicle stands where it was last (%i)', async (n) => {
      let state = (seed + n) >>> 0
      const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
      const vehicles = await makeVehicles(3)
      const { id, identifier } = await makeDevice(random() < 0.5 ? vehicles[0]! : null)
      const now = Date.now()
      // Days of driving, sent in any order, some of it again; a few with a clock that is ahead for a moment.
      const times = [...new Set(Array.from({ length: 120 }, () => now - Math.floor(random() * 200 * hour)))]
      times.push(now + 20 * 60_000, now + 2 * hour)
      const alarms = new Set(times.filter(() => random() < 0.2))
      const sent = [...times, ...times.filter(() => random() < 0.3)].sort(() => random() - 0.5)
      const any = () => vehicles[Math.floor(random() * 3)]!
      const moment = () => iso(now - Math.floor(random() * 220 * hour))
      async function change(turn: number): Promise<unknown> {
        const { items } = await listDeviceFittings(at(turn), organisationId, id)
        const one = items[Math.floor(random() * items.length)]
        const what = random()
        if (what < 0.3) {
          const [from, to] = [moment(), moment()].sort()
          return addFitting(at(turn), actor, id, {
            vehicleId: any(), from: random() < 0.1 ? null : from!, to: to!,
          })
        }
        if (what < 0.5) return updateDevice(at(turn), actor, id, { vehicleId: random() < 0.3 ? null : any() })
        if (what < 0.6) {
          const vehicleId = any()
          await removeVehicle(at(turn), organisationId, vehicleId)
          return restoreVehicle(at(turn + 1), organisationId, vehicleId)
        }
        if (!one) return
        if (what < 0.7) return removeFitting(at(turn), actor, one.id)
        if (what < 0.8) return updateFitting(at(turn), actor, one.id, { from: moment() })
        if (what < 0.9)
          return updateFitting(at(turn), actor, one.id, { to: random() < 0.3 ? null : moment() })
        return updateFitting(at(turn), actor, one.id, { vehicleId: any() })
      }
      for (let index = 0, turn = 0; index < sent.length; turn++) {
        const together = sent.slice(index, index += 1 + Math.floor(random() * 8))
        // What a person gets wrong is refused and changes nothing.
        const changed = random() < 0.6
          ? [change(turn).catch((error: Error) => /Conflict|InvalidInput|NotFound|Unavailable/.test(error.constructor.name) ? null : Promise.reject(error))]
          : []
        await Promise.all([
          ...together.map((time, k) => send(identifier, time, k, alarms.has(time) ? 'sos' : null)), ...changed,
        ])
      }
      await workOff()

      const { items } = await listDeviceFittings(at(0), organisationId, id)
      const expected = (all: number[]) => [...all].sort((a, b) => a - b)
        .map(time => ({ time, vehicle: rightVehicle(items, time) }))
      expect(await stored('positions', id)).toEqual(expected(times))
      expect(await stored('device_events', id)).toEqual(expected([...alarms]))
      const states = await database.asOwner<{ id: string, time: number }>(
        `SELECT vehicle_id AS id, (extract(epoch FROM fix_time) * 1000)::float8 AS time FROM vehicle_states
          WHERE vehicle_id = ANY ($1)`, [vehicles])
      const believed = expected(times).filter(({ time }) => time <= now)
      const newest = vehicles.flatMap((vehicle) => {
        const last = believed.findLast(one => one.vehicle === vehicle)
        return last ? [{ id: vehicle, time: last.time }] : []
      })
      expect(new Map(states.map(one => [one.id, one.time])))
        .toEqual(new Map(newest.map(one => [one.id, one.time])))
      const [device] = await database.asOwner<{ vehicle: string | null }>(
        'SELECT vehicle_id AS vehicle FROM devices WHERE id = $1', [id])
      expect(device!.vehicle).toBe(items.find(({ to }) => to === null)?.vehicle.id ?? null)
    })
})

describe('a fitting that is corrected', () => {
  let vehicles: string[]
  let device: { id: string, identifier: string }
  const now = Date.now()
  beforeEach(async () => {
    vehicles = await makeVehicles(2)
    device = await makeDevice(vehicles[0]!)
  })

  it('a device that was made with its vehicle has been in it for as long as anybody knows', async () => {
    await send(device.identifier, now - 900 * hour)
    expect(await vehicleOf(device.id, now - 900 * hour)).toBe(vehicles[0])
    expect((await listDeviceFittings(at(0), organisationId, device.id)).items)
      .toMatchObject([{ from: null, to: null }])
  })

  it('while a message is being stored waits for it, and moves it', async () => {
    const time = now - 2 * hour
    await send(device.identifier, now - 3 * hour)
    const [fitting] = (await listDeviceFittings(at(0), organisationId, device.id)).items
    const done: Promise<unknown>[] = []
    // Where the vehicle is, is written last: the message has asked for its fittings by then.
    await holding(database, `SELECT 1 FROM vehicle_states WHERE vehicle_id = '${vehicles[0]}' FOR UPDATE`, async () => {
      done.push(send(device.identifier, time))
      await untilWaiting(database, 1)
      done.push(updateFitting(at(1), actor, fitting!.id, { vehicleId: vehicles[1]! }))
      await untilWaiting(database, 2)
    })
    await Promise.all(done)
    expect(await vehicleOf(device.id, time)).toBe(vehicles[1])
  })

  it('while the first message of all is being stored waits for it, too', async () => {
    const time = now - 2 * hour
    const other = await makeDevice(vehicles[0]!)
    await send(other.identifier, now - 3 * hour)
    const [fitting] = (await listDeviceFittings(at(0), organisationId, device.id)).items
    const done: Promise<unknown>[] = []
    await holding(database, `SELECT 1 FROM vehicle_states WHERE vehicle_id = '${vehicles[0]}' FOR UPDATE`, async () => {
      done.push(send(device.identifier, time))
      await untilWaiting(database, 1)
      done.push(updateFitting(at(1), actor, fitting!.id, { vehicleId: vehicles[1]! }))
      await untilWaiting(database, 2)
    })
    await Promise.all(done)
    expect(await vehicleOf(device.id, time)).toBe(vehicles[1])
  })

  it('moves a long history by a job, the newest at once; each correction and what was moved is in the audit log, '
    + 'and both vehicles have a new version', async () => {
    await database.asOwner(`INSERT INTO positions (device_id, fix_time, organisation_id, vehicle_id, received_at, latitude, longitude)
      SELECT $1, now() - n * interval '1 minute', $2, $3, now() - n * interval '1 minute', 52, 13 FROM generate_series(1, 7000) n`,
    [device.id, organisationId, vehicles[0]])
    const versions = () =>
      Promise.all(vehicles.map(async one => (await getVehicle(at(0), organisationId, one)).version))
    const before = await versions()
    const [fitting] = (await listDeviceFittings(at(0), organisationId, device.id)).items
    const corrected = await updateFitting(at(0), actor, fitting!.id, { vehicleId: vehicles[1]! })
    expect(corrected).toMatchObject({ moved: 2_000, job: expect.any(String) })
    expect(await versions()).toEqual(before.map(version => version + 1))
    const count = async () => Object.fromEntries((await database.asOwner<{ v: string, n: number }>(
      'SELECT vehicle_id AS v, count(*)::int AS n FROM positions WHERE device_id = $1 GROUP BY 1', [device.id])).map(({ v, n }) => [v, n]))
    expect(await count()).toEqual({ [vehicles[0]!]: 5_000, [vehicles[1]!]: 2_000 })
    expect(await workOff()).toBe(1)
    expect(await count()).toEqual({ [vehicles[1]!]: 7_000 })
    const actions = await database.asOwner<{ action: string }>(
      'SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY id DESC LIMIT 2', [device.id])
    expect(actions.map(({ action }) => action)).toEqual(['device.history-moved', 'device.fitting-corrected'])
  })

  it('that would put the device into two vehicles at once is refused, with the vehicle\'s name', async () => {
    await updateDevice(at(0), actor, device.id, { vehicleId: vehicles[1]! })
    const refused = addFitting(at(0), actor, device.id, {
      vehicleId: vehicles[1]!, from: iso(now - hour), to: iso(now - hour / 2),
    })
    await expect(refused).rejects.toThrow(/The device was in Vehicle \d+ at that time/)
  })
})

describe('no device is in two vehicles at one moment', () => {
  it('whatever is added by both instances at once: one of those that overlap is taken', async () => {
    const [vehicleId] = await makeVehicles(1)
    const { id } = await makeDevice(null)
    const now = Date.now()
    const add = (n: number) => addFitting(at(n), actor, id, {
      vehicleId: vehicleId!, from: iso(now - (20 - n) * hour), to: iso(now - (2 + n / 20) * hour),
    })
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => add(n)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(ConflictError)
  })

  it('also past the program: of two transactions that write at once the database refuses the second', async () => {
    const [a, b] = await makeVehicles(2)
    const { id } = await makeDevice(null)
    const clients = [a, b].map(() => new pg.Client({ connectionString: database.ownerUrl }))
    await Promise.all(clients.map(client => client.connect()))
    const insert = (n: number) => clients[n]!.query(
      `INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id, fitted_at, removed_at)
        VALUES ($1, $2, $3, $4, '2026-01-0${n + 1}', '2026-01-0${n + 3}')`, [randomUUID(), organisationId, id, [a, b][n]])
    await clients[0]!.query('BEGIN')
    await insert(0)
    const second = insert(1).then(() => 'taken', (error: { code: string }) => error.code)
    await until(async () => (await database.asOwner(
      'SELECT FROM pg_stat_activity WHERE wait_event_type = \'Lock\' AND datname = current_database()')).length > 0,
    'the second to wait')
    await clients[0]!.query('COMMIT')
    expect(await second).toBe('23P01')
    await Promise.all(clients.map(client => client.end()))
  })

  it.each(['5 seconds', '-5 seconds'])('as the previous version writes it, by a clock that is off by %s', async (off) => {
    const vehicles = await makeVehicles(2)
    const { id } = await makeDevice(vehicles[0]!)
    for (const vehicleId of [vehicles[1], vehicles[0], vehicles[1]]) {
      const client = new pg.Client({ connectionString: database.ownerUrl })
      await client.connect()
      await client.query('BEGIN')
      await client.query(`UPDATE device_fittings SET removed_at = clock_timestamp() + interval '${off}'
        WHERE device_id = $1 AND removed_at IS NULL`, [id])
      await client.query(`INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id) VALUES ($1, $2, $3, $4)`,
        [randomUUID(), organisationId, id, vehicleId])
      await client.query('COMMIT')
      await client.end()
    }
    const rows = await database.asOwner<{ ordered: boolean }>(`SELECT coalesce(removed_at <= lead(fitted_at) OVER w, removed_at IS NULL) AS ordered
      FROM device_fittings WHERE device_id = $1 WINDOW w AS (ORDER BY fitted_at, removed_at NULLS LAST)`, [id])
    expect(rows.map(({ ordered }) => ordered)).toEqual([true, true, true, true])
  })
})
