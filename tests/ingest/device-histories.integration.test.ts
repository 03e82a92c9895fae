import { randomInt, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { createIngest, type Ingest } from '#server/fleet/ingest/ingest.ts'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

/** `HISTORY_SEED` runs one again. */
const seed = Number(process.env.HISTORY_SEED ?? randomInt(2 ** 31))

let database: TestDatabase
/** Two instances: a device's messages come to either. */
let services: DatabaseService[]
let instances: Ingest[]
const organisationId = randomUUID()
beforeAll(async () => {
  database = await createTestDatabase()
  await database.asOwner('INSERT INTO organisations (id, name) VALUES ($1, $2)', [organisationId, 'Histories'])
  const log = pino({ level: 'silent' })
  services = [1, 2].map(() =>
    openDatabase({ primaryUrl: database.servingUrl, replicaUrl: null, maxConnections: 3, log }))
  instances = services.map(service => createIngest({ database: service, outbox: { publish() {} }, log }))
})
afterAll(async () => {
  await Promise.all(instances.map(instance => instance.close()))
  await Promise.all(services.map(service => service.close()))
  await database.drop()
})

function randomOf(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

async function made() {
  const [vehicleId, deviceId] = [randomUUID(), randomUUID()]
  await database.asOwner(
    'INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, \'Car\', \'car\')',
    [vehicleId, organisationId])
  await database.asOwner(
    `INSERT INTO devices (id, organisation_id, name, identifier, vehicle_id) VALUES ($1, $2, 'T', $3, $4)`,
    [deviceId, organisationId, deviceId, vehicleId])
  await database.asOwner(
    `INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id, fitted_at)
      VALUES (gen_random_uuid(), $1, $2, $3, '-infinity')`, [organisationId, deviceId, vehicleId])
  return { vehicleId, deviceId }
}

describe(`random histories of a device, seed ${seed}`, () => {
  it.each(Array.from({ length: 12 }, (_, n) => n))(
    'in any order, repeated and through either instance each message is there once, no leap moves the vehicle, '
    + 'and each alarm is one (%i)', async (n) => {
      const random = randomOf(seed + n)
      const { vehicleId, deviceId } = await made()
      const begin = Math.floor(Date.now() / 1000) - 7_200
      // A drive at some 40 km/h, with leaps of a thousand kilometres among it, never two of them in a row.
      const drive = Array.from({ length: 60 }, (_, index) => {
        const leaps = index > 0 && index < 57 && index % 2 === 1 && random() < 0.2
        return {
          time: begin + index * 10,
          latitude: 52 + index / 1_000 + (leaps ? 10 : 0),
          leaps,
          alarm: random() < 0.1 ? 'sos' : null,
        }
      })
      // Each at least once; in time, and at times late or again.
      const sent = drive.flatMap((fix, index) => {
        const again = random() < 0.3 ? [{ fix, at: index + random() * 8 }] : []
        return [{ fix, at: index + (random() < 0.2 ? random() * 6 : 0) }, ...again]
      }).sort((a, b) => a.at - b.at)
      const send = async ({ time, latitude, alarm }: (typeof drive)[number]) => {
        const query = new URLSearchParams({
          id: deviceId, timestamp: String(time), lat: latitude.toFixed(4), lon: '13', ...alarm ? { alarm } : {},
        })
        const { messages } = parseDeviceRequest({
          contentType: '', query, body: '', username: null, limitUser: null, limitDevice: null,
        }, new Date())
        await instances[random() < 0.5 ? 0 : 1]!.acceptAll(messages, null)
      }
      for (let index = 0; index < sent.length;) {
        // Some of them at once.
        const together = sent.slice(index, index += 1 + Math.floor(random() * 4))
        await Promise.all(together.map(({ fix }) => send(fix)))
      }

      // It parks, and nothing that came before can hold the vehicle elsewhere.
      for (const minutes of [20, 21, 22]) {
        const parked = { time: begin + minutes * 60, latitude: 52.06, leaps: false, alarm: null }
        drive.push(parked)
        await send(parked)
      }

      type Stored = { time: number, latitude: number, credibility: string | null }
      const positions = await database.asOwner<Stored>(
        `SELECT extract(epoch FROM fix_time)::int AS time, latitude, credibility FROM positions
          WHERE device_id = $1 ORDER BY fix_time`, [deviceId])
      expect(positions.map(({ time, latitude }) => [time, latitude.toFixed(4)]))
        .toEqual(drive.map(({ time, latitude }) => [time, latitude.toFixed(4)]))
      const events = await database.asOwner<{ time: number }>(
        `SELECT extract(epoch FROM fix_time)::int AS time FROM device_events
          WHERE device_id = $1 ORDER BY fix_time`, [deviceId])
      const alarms = drive.filter(({ alarm }) => alarm)
      expect(events.map(({ time }) => time)).toEqual(alarms.map(({ time }) => time))
      const [state] = await database.asOwner<{ latitude: number }>(
        'SELECT latitude FROM vehicle_states WHERE vehicle_id = $1', [vehicleId])
      const newest = positions.filter(({ credibility }) => credibility === null).at(-1)!
      expect(state!.latitude).toBe(newest.latitude)
      expect(state!.latitude).toBe(52.06)
    },
  )
})
