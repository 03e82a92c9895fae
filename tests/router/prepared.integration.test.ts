import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import type { Transaction } from '#server/database/port.ts'
import { eachOnce, placeholders, prepared } from '#server/database/prepared.ts'
import { auditEntries } from '#server/database/schema/audit.ts'
import { vehicles, vehicleStates } from '#server/database/schema/fleet.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const organisationId = uuidv7()
const [withState, without] = [uuidv7(), uuidv7()]
let test: TestDatabase
let database: DatabaseService

beforeAll(async () => {
  test = await createTestDatabase('debian')
  database = openDatabase({
    primaryUrl: test.servingUrl, replicaUrl: null, maxConnections: 2, log: pino({ level: 'silent' }),
  })
  await test.asOwner(`INSERT INTO organisations (id, name, time_zone) VALUES ($1, 'One', 'UTC')`, [
    organisationId,
  ])
  for (const id of [withState, without])
    await test.asOwner(
      `INSERT INTO vehicles (id, organisation_id, name, kind, year) VALUES ($1, $2, 'Van', 'van', 2020)`,
      [id, organisationId],
    )
  const device = uuidv7()
  await test.asOwner(
    `INSERT INTO devices (id, organisation_id, name, identifier) VALUES ($1, $2, 'Tracker', $3)`,
    [device, organisationId, device],
  )
  await test.asOwner(
    `INSERT INTO vehicle_states (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude,
      longitude, attributes) VALUES ($1, $2, $3, now(), now(), 52.5, 13.4, '{"ignition":true}')`,
    [withState, organisationId, device],
  )
})
afterAll(async () => {
  await database.close()
  await test.drop()
})

const mine = () => database.inOrganisation(organisationId)
const select = (tx: Transaction) => tx
  .select({ vehicle: vehicles, state: vehicleStates, low: sql<string>`lower(${vehicles.name})` })
  .from(vehicles)
  .leftJoin(vehicleStates, eq(vehicleStates.vehicleId, vehicles.id))
const byId = prepared(db => select(db).where(eq(vehicles.id, sql.placeholder('id'))))

describe('a query that is prepared once', () => {
  it.each([['a joined row', withState], ['none', without]])('reads what drizzle reads, with %s', async (_, id) => {
    const ours = await mine().read(tx => byId(tx, { id }))
    const drizzles = await mine().read(tx => select(tx).where(eq(vehicles.id, id)))
    expect(ours).toEqual(drizzles)
    expect(ours[0]!.vehicle.createdAt).toBeInstanceOf(Date)
    expect(ours[0]!.state === null).toBe(id === without)
  })

  it('writes what drizzle writes: null is NULL, also in a column of JSON', async () => {
    const columns = [
      'id', 'organisationId', 'action', 'actorKind', 'actorName', 'subjectType', 'subjectId', 'subjectLabel',
      'before', 'after',
    ] as const
    const insert = prepared(db => db.insert(auditEntries).values(placeholders(columns)))
    const id = uuidv7()
    await mine().write(async (tx) => {
      await insert(tx, {
        id, organisationId, action: 'vehicle.created', actorKind: 'system', actorName: 'Fleet2',
        subjectType: 'vehicle', subjectId: withState, subjectLabel: 'Van', before: null, after: { name: 'Van' },
      })
      return {}
    })
    expect(await test.asOwner('SELECT before IS NULL AS none, after FROM audit_entries WHERE id = $1', [id]))
      .toEqual([{ none: true, after: { name: 'Van' } }])
  })

  it('says which value is missing, and asks for nothing', async () => {
    await expect(mine().read(tx => byId(tx))).rejects.toThrow('No value for "id" was given')
    expect(await mine().read(tx => byId(tx, { id: without }))).toHaveLength(1)
  })

  it('is sent over no transaction that is over', async () => {
    const kept = await mine().read(async tx => tx)
    await expect(byId(kept, { id: without })).rejects.toThrow('This transaction is over')
  })

  it('is made once for each set of arguments', () => {
    let times = 0
    const make = eachOnce((name: string, flag: boolean) => `${name} ${flag} ${++times}`)
    expect([make('a', true), make('a', false), make('a', true)]).toEqual(['a true 1', 'a false 2', 'a true 1'])
  })
})
