import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { memberships, organisations, users } from '#server/database/schema/identity.ts'
import {
  createDevice,
  hashToken,
  removeDevice,
  renewDeviceToken,
  updateDevice,
} from '#server/fleet/devices/devices.ts'
import {
  createVehicle,
  getVehicle,
  removeVehicle,
  restoreVehicle,
  updateVehicle,
} from '#server/fleet/vehicles/vehicles.ts'
import type { Member } from '#server/identity/member.ts'
import { apply, maxAtOnce, select, type Selection } from '#server/undo/apply.ts'
import { compare } from '#server/undo/compare.ts'
import type { Plan } from '#server/undo/plan.ts'
import { openSide, readTables, undecidedTables } from '#server/undo/side.ts'
import { leftOut, restoredTables } from '#server/undo/tables.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const log = pino({ level: 'silent' })
const moment = '2026-11-28 14:05:00+00'
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Somebody's organisation, and what the program does in it. */
interface Tenant {
  id: string
  owner: Member
  vehicle(name: string, registration?: string): Promise<string>
  device(name: string, identifier: string, vehicleId?: string | null): Promise<string>
}

interface Story<T> {
  /** What the setup gave. */
  then: T
  /** The running system. */
  server: TestDatabase
  copy: TestDatabase
  services: Services
  compare(organisationId: string, tables?: string[]): Promise<Plan>
  apply(plan: Plan, selection?: Partial<Selection>, dryRun?: boolean): ReturnType<typeof apply>
}
interface Services { database: DatabaseService, makeSecret: () => string }

async function tenant(services: Services, name: string): Promise<Tenant> {
  const [id, userId] = [uuidv7(), uuidv7()]
  await services.database.inOrganisation(id).write(async (tx) => {
    await tx
      .insert(users)
      .values({ id: userId, email: `${userId}@example.com`, name: `Owner of ${name}`, passwordHash: 'x' })
    await tx.insert(organisations).values({ id, name })
    await tx.insert(memberships).values({ id: uuidv7(), organisationId: id, userId, role: 'owner' })
    return {}
  })
  const owner: Member = {
    userId,
    name: `Owner of ${name}`,
    email: '',
    sessionId: '',
    organisationId: id,
    role: 'owner',
  }
  return { id, owner, ...workIn({ id, owner }, services) }
}

/** What is made in an organisation, by the services of a time. */
function workIn(
  { id, owner }: Pick<Tenant, 'id' | 'owner'>,
  services: Services,
): Pick<Tenant, 'vehicle' | 'device'> {
  const plain = { kind: 'van', make: null, model: null, year: null, notes: null } as const
  return {
    vehicle: async (name, registration) =>
      (await createVehicle(services, id, { ...plain, name, registration: registration ?? null })).id,
    device: async (name, identifier, vehicleId = null) =>
      (
        await createDevice(services, owner, {
          name,
          identifier,
          vehicleId,
          addressRequired: false,
          clockCorrectionSeconds: 0,
          speedUnit: 'kn',
          tokenRequired: true,
        })
      ).id,
  }
}

/** What there was at a moment, by the program itself; from then on there is a copy of it beside what runs. */
async function story<T>(setup: (services: Services) => Promise<T>): Promise<Story<T>> {
  const server = await createTestDatabase()
  closing.push(() => server.drop())
  const open = (): Services => ({
    database: openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 4, log }),
    makeSecret: uuidv7,
  })
  const first = open()
  const then = await setup(first).finally(() => first.database.close())
  const nameOf = (url: string) => new URL(url).pathname.slice(1)
  const copy = await createTestDatabase('embedded', nameOf(server.ownerUrl))
  closing.push(() => copy.drop())
  await copy.asOwner(`ALTER DATABASE ${nameOf(copy.ownerUrl)} SET fleet2.restored_to = '${moment}'`)
  const services = open()
  closing.push(() => services.database.close())
  async function sides<R>(
    organisationId: string,
    use: (past: Side, present: Side) => Promise<R>,
  ): Promise<R> {
    const past = await openSide('copy', copy.servingUrl, organisationId)
    const present = await openSide('running system', server.servingUrl, organisationId)
    return use(past, present).finally(() => Promise.all([past.close(), present.close()]))
  }
  return {
    then, server, copy, services,
    compare: (id, tables) => sides(id, (past, present) => compare(past, present, id, tables)),
    apply: (plan, selection = {}, dryRun = false) => sides(plan.organisation.id, (past, present) => apply({
      database: services.database, past, present, plan, dryRun, by: 'Ada', reason: 'a wrong click',
      selection: { kinds: [], tables: [], ids: [], ...selection },
    })),
  }
}
type Side = Awaited<ReturnType<typeof openSide>>

const found = ({ items }: Plan) => items.map(({ table, kind, label }) => `${kind} ${table}: ${label}`).sort()
const outcomes = ({ done }: Awaited<ReturnType<typeof apply>>) =>
  done.map(({ label, outcome, because }) => `${label}: ${outcome}${because ? `, ${because}` : ''}`).sort()
/** All that an organisation has, in every table, as text. */
async function everythingOf(database: TestDatabase, organisationId: string) {
  const tables = await database.asOwner<{ name: string }>(`SELECT DISTINCT table_name::text AS name
    FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'organisation_id' ORDER BY 1`)
  const all: string[] = []
  for (const { name } of tables) {
    const rows = await database.asOwner<{ text: string }>(
      `SELECT t::text AS text FROM "${name}" t WHERE organisation_id = $1 ORDER BY 1`, [organisationId])
    all.push(...rows.map(({ text }) => `${name} ${text}`))
  }
  return all
}
const entriesOf = (server: TestDatabase, id: string) =>
  server.asOwner<{ action: string, actor: string, after: object }>(
    'SELECT action, actor_name AS actor, after FROM audit_entries WHERE subject_id = $1 ORDER BY id DESC',
    [id],
  )

describe('a vehicle that was removed by a wrong click', () => {
  it('comes back with its device, in the audit log with who and why, and open pages are told', async () => {
    const { then, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      const van = await acme.vehicle('Van', 'B-1')
      return { acme, van, device: await acme.device('Tracker', 'tracker-1', van) }
    })
    const { acme, van } = then
    await removeVehicle(services, acme.id, van)
    const plan = await undo.compare(acme.id)
    expect(found(plan)).toEqual(['changed devices: Tracker', 'deleted vehicles: Van'])
    await server.asOwner('DELETE FROM outbox')
    expect(outcomes(await undo.apply(plan, { kinds: ['deleted'] }))).toEqual([
      'Tracker: restored',
      'Van: restored',
    ])
    expect(await getVehicle(services, acme.id, van)).toMatchObject({
      // Each fitting is a change of the vehicle, too.
      removedAt: null, registration: 'B-1', version: 5, devices: [{ name: 'Tracker' }],
    })
    const fittings = await server.asOwner(
      'SELECT removed_at IS NULL AS present FROM device_fittings ORDER BY fitted_at',
    )
    expect(fittings).toEqual([{ present: false }, { present: true }])
    expect((await entriesOf(server, van))[0]).toMatchObject({
      action: 'vehicle.restored',
      actor: 'Ada (operator)',
      after: { reason: 'a wrong click', restoredTo: moment },
    })
    const told = await server.asOwner<{ data: object }>('SELECT data FROM outbox ORDER BY id')
    expect(told.map(({ data }) => data)).toEqual(
      expect.arrayContaining([
        { type: 'vehicle', id: van, change: 'restored' },
        { type: 'device', id: then.device, change: 'updated' },
      ]),
    )
    expect((await undo.compare(acme.id)).items).toEqual([])
  })
  it('comes back once: a second time, by the same plan or a new one, nothing is written', async () => {
    const { then: { acme, van }, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, van: await acme.vehicle('Van') }
    })
    await removeVehicle(services, acme.id, van)
    const plan = await undo.compare(acme.id)
    await undo.apply(plan)
    const before = await everythingOf(server, acme.id)
    expect(outcomes(await undo.apply(plan))).toEqual(['Van: already'])
    expect(outcomes(await undo.apply(await undo.compare(acme.id)))).toEqual([])
    expect(await everythingOf(server, acme.id)).toEqual(before)
  })
  it('is left alone by a dry run, which says what would come back', async () => {
    const { then: { acme, van }, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, van: await acme.vehicle('Van') }
    })
    await removeVehicle(services, acme.id, van)
    const before = await everythingOf(server, acme.id)
    expect(outcomes(await undo.apply(await undo.compare(acme.id), {}, true))).toEqual(['Van: restored'])
    expect(await everythingOf(server, acme.id)).toEqual(before)
  })
})

describe('a device that was deleted', () => {
  it('comes back as it was, with its token, its history and a version that no page has shown yet', async () => {
    const {
      then: { acme, van, device },
      server,
      copy,
      services,
      ...undo
    } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      const van = await acme.vehicle('Van')
      return { acme, van, device: await acme.device('Tracker', 'tracker-1', van) }
    })
    for (const name of ['Tracker 2', 'Tracker 3']) await updateDevice(services, acme.owner, device, { name })
    await removeDevice(services, acme.owner, device)
    const plan = await undo.compare(acme.id)
    expect(found(plan)).toEqual(['deleted devices: Tracker'])
    expect(JSON.stringify(plan)).not.toContain('hash')
    expect(outcomes(await undo.apply(plan))).toEqual(['Tracker: restored'])
    const all = 'SELECT name, identifier, vehicle_id, token_hash, token_required, created_at FROM devices'
    expect(await server.asOwner(all)).toEqual(await copy.asOwner(all))
    expect(await server.asOwner('SELECT * FROM device_fittings')).toEqual(
      await copy.asOwner('SELECT * FROM device_fittings'),
    )
    // It had got to 3 before it was deleted.
    const [row] = await server.asOwner<{ version: number }>('SELECT version FROM devices')
    expect(row!.version).toBeGreaterThan(3)
    expect(await getVehicle(services, acme.id, van)).toMatchObject({ devices: [{ id: device }] })
    const [entry] = await entriesOf(server, device)
    expect(entry).toMatchObject({
      action: 'device.restored',
      after: { identifier: 'tracker-1', vehicle: 'Van' },
    })
    expect(JSON.stringify(entry)).not.toContain('hash')
  })
  it('comes back without a token that had been renewed, which may have been in wrong hands', async () => {
    const { then: { acme, device }, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, device: await acme.device('Tracker', 'tracker-1') }
    })
    await renewDeviceToken(services, acme.owner, device, { endPrevious: true })
    await removeDevice(services, acme.owner, device)
    const plan = await undo.compare(acme.id)
    expect(plan.items).toMatchObject([{ kind: 'deleted', note: expect.stringContaining('renewed') }])
    await undo.apply(plan)
    expect(await server.asOwner('SELECT token_hash, token_required FROM devices'))
      .toEqual([{ token_hash: null, token_required: true }])
  })
})

it('a device goes back while people change its vehicle: one waits for the other, and neither is ended as a '
  + 'deadlock', async () => {
  const { then, server, services, ...undo } = await story(async (services) => {
    const acme = await tenant(services, 'Acme')
    const van = await acme.vehicle('Van')
    return { acme, van, device: await acme.device('Tracker', 'tracker-1', van) }
  })
  const { acme, van, device } = then
  await removeVehicle(services, acme.id, van)
  const plan = await undo.compare(acme.id)
  // A deadlock is told to the one who is ended, which tries again: seen in PostgreSQL's own count.
  const deadlocks = async () => (await server.asOwner<{ deadlocks: string }>(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  ))[0]!.deadlocks
  const before = await deadlocks()
  const at: Promise<unknown>[] = []
  await holding(server, `SELECT 1 FROM devices WHERE id = '${device}' FOR UPDATE`, async () => {
    at.push(undo.apply(plan, { ids: [device] }))
    await untilWaiting(server, 1)
    at.push(restoreVehicle(services, acme.id, van))
    await untilWaiting(server, 2)
  })
  await Promise.all(at)
  expect(await deadlocks()).toBe(before)
  expect(await getVehicle(services, acme.id, van)).toMatchObject({ devices: [{ id: device }] })
})

it('a device that was moved and renamed goes back, and its history says so', async () => {
  const { then: { acme, one, device }, server, services, ...undo } = await story(async (services) => {
    const acme = await tenant(services, 'Acme')
    const [one, two] = [await acme.vehicle('One'), await acme.vehicle('Two')]
    return { acme, one, two, device: await acme.device('Tracker', 'tracker-1', one) }
  })
  const [two] = await server.asOwner<{ id: string }>('SELECT id FROM vehicles WHERE name = \'Two\'')
  await updateDevice(services, acme.owner, device, { name: 'Trakcer', vehicleId: two!.id })
  await renewDeviceToken({ ...services, makeSecret: () => 'newer' }, acme.owner, device, {
    endPrevious: false,
  })
  const plan = await undo.compare(acme.id)
  expect(plan.items).toMatchObject([{
    kind: 'changed', fields: [
      { field: 'name', now: 'Trakcer', then: 'Tracker' }, { field: 'vehicle', now: 'Two', then: 'One' },
    ],
  }])
  expect(outcomes(await undo.apply(plan, { kinds: ['changed'], tables: ['devices'] }))).toHaveLength(1)
  // The token of today stays.
  expect(await server.asOwner('SELECT name, vehicle_id, token_hash FROM devices'))
    .toEqual([{ name: 'Tracker', vehicle_id: one, token_hash: hashToken('newer') }])
  expect(await server.asOwner(`SELECT v.name, f.removed_at IS NULL AS present FROM device_fittings f
    JOIN vehicles v ON v.id = f.vehicle_id ORDER BY f.fitted_at`)).toEqual([
    { name: 'One', present: false }, { name: 'Two', present: false }, { name: 'One', present: true },
  ])
})

it('what a wrong DELETE took comes back in the order that the keys want, whatever is gone', async () => {
  const { then: { acme }, server, copy, ...undo } = await story(async (services) => {
    const acme = await tenant(services, 'Acme')
    for (const n of [1, 2, 3])
      await acme.device(`Tracker ${n}`, `tracker-${n}`, await acme.vehicle(`Van ${n}`, `B-${n}`))
    return { acme }
  })
  await server.asOwner('DELETE FROM devices')
  await server.asOwner('DELETE FROM vehicles')
  const report = await undo.apply(await undo.compare(acme.id))
  expect(report.done.map(({ outcome }) => outcome)).toEqual(Array(6).fill('restored'))
  for (const table of ['vehicles', 'devices']) {
    const all = `SELECT to_jsonb(t) - 'version' - 'updated_at' AS row FROM ${table} t ORDER BY id`
    expect(await server.asOwner(all)).toEqual(await copy.asOwner(all))
  }
  expect(await server.asOwner('SELECT * FROM device_fittings ORDER BY id'))
    .toEqual(await copy.asOwner('SELECT * FROM device_fittings ORDER BY id'))
})

describe('a row that cannot come back', () => {
  it('is listed with the reason, and the others come back', async () => {
    const { then, server, services, ...undo } = await story(async (services) => {
      const [acme, other] = [await tenant(services, 'Acme'), await tenant(services, 'Other')]
      const [van, car] = [await acme.vehicle('Van', 'B-1'), await acme.vehicle('Car', 'B-2')]
      return {
        acme, other, van, car,
        ours: await acme.device('Ours', 'tracker-1'), fine: await acme.device('Fine', 'tracker-2'),
        fitted: await acme.device('Fitted', 'tracker-3', car),
      }
    })
    const { acme, other, van, car } = then
    await removeVehicle(services, acme.id, van)
    await workIn(acme, services).vehicle('Another with its plate', 'b-1')
    for (const id of [then.ours, then.fine, then.fitted]) await removeDevice(services, acme.owner, id)
    await workIn(other, services).device('Theirs', 'tracker-1')
    const before = await everythingOf(server, other.id)
    const plan = await undo.compare(acme.id)
    // Since the comparison.
    await removeVehicle(services, acme.id, car)
    expect(outcomes(await undo.apply(plan))).toEqual([
      'Fine: restored',
      'Fitted: conflict, its vehicle Car is removed: restore that as well',
      'Ours: conflict, something else has the same identifier by now, perhaps another organisation\'s',
      'Van: conflict, something else has the same organisation_id, upper(registration) by now',
    ])
    expect(await everythingOf(server, other.id)).toEqual(before)
  })
  it('because somebody has changed it since the comparison keeps that change', async () => {
    const { then: { acme, van }, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, van: await acme.vehicle('Van') }
    })
    await updateVehicle(services, acme.id, van, { name: 'Vam' })
    const plan = await undo.compare(acme.id)
    await updateVehicle(services, acme.id, van, { notes: 'newer' })
    expect(outcomes(await undo.apply(plan)))
      .toEqual(['Vam: conflict, it has been changed since the comparison: compare again'])
    expect(await server.asOwner('SELECT name, notes FROM vehicles')).toEqual([
      { name: 'Vam', notes: 'newer' },
    ])
  })
  it('before another one has given its plate up comes back after that one', async () => {
    const { then: { acme, one, two }, server, services, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, one: await acme.vehicle('One', 'B-1'), two: await acme.vehicle('Two', 'B-2') }
    })
    await updateVehicle(services, acme.id, one, { registration: 'B-3' })
    await updateVehicle(services, acme.id, two, { registration: 'B-1' })
    expect(outcomes(await undo.apply(await undo.compare(acme.id)))).toEqual([
      'One: restored',
      'Two: restored',
    ])
    expect(await server.asOwner('SELECT name, registration FROM vehicles ORDER BY name'))
      .toEqual([{ name: 'One', registration: 'B-1' }, { name: 'Two', registration: 'B-2' }])
  })
})

describe('another organisation', () => {
  it('is not seen, named or touched, whatever has happened in it since', async () => {
    const {
      then: { acme, other, van, theirs },
      server,
      services,
      ...undo
    } = await story(async (services) => {
      const [acme, other] = [await tenant(services, 'Acme'), await tenant(services, 'Other')]
      return { acme, other, van: await acme.vehicle('Van'), theirs: await other.vehicle('Theirs') }
    })
    await removeVehicle(services, acme.id, van)
    await removeVehicle(services, other.id, theirs)
    const before = await everythingOf(server, other.id)
    const plan = await undo.compare(acme.id)
    expect(found(plan)).toEqual(['deleted vehicles: Van'])
    await undo.apply(plan)
    expect(await everythingOf(server, other.id)).toEqual(before)
    // A plan that somebody has written theirs into.
    const foreign = await undo.compare(other.id)
    await expect(undo.apply({ ...plan, items: foreign.items })).rejects.toThrow(
      /does not belong to this copy/,
    )
    expect(await everythingOf(server, other.id)).toEqual(before)
  })
  it('would be seen by a superuser or the owner, who are refused', async () => {
    const { then: acme, server, copy } = await story(services => tenant(services, 'Acme'))
    for (const { ownerUrl } of [server, copy])
      await expect(openSide('copy', ownerUrl, acme.id)).rejects.toThrow(/may pass by row-level security/)
  })
  it('would be seen in a table without forced row-level security, with which nothing begins', async () => {
    const { then: acme, copy } = await story(services => tenant(services, 'Acme'))
    await copy.asOwner('ALTER TABLE vehicles NO FORCE ROW LEVEL SECURITY')
    await expect(openSide('copy', copy.servingUrl, acme.id)).rejects.toThrow(
      /vehicles of the copy is not under/,
    )
  })
})

describe('who may work in the organisation', () => {
  it('comes back only where it is named, and never leaves it without an owner', async () => {
    const { then: { acme, second }, server, ...undo } = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      const [userId, second] = [uuidv7(), uuidv7()]
      await services.database.inOrganisation(acme.id).write(async (tx) => {
        await tx
          .insert(users)
          .values({ id: userId, email: `${userId}@example.com`, name: 'Second', passwordHash: 'x' })
        await tx.insert(memberships).values({ id: second, organisationId: acme.id, userId, role: 'viewer' })
        return {}
      })
      return { acme, second }
    })
    await server.asOwner('DELETE FROM memberships WHERE id = $1', [second])
    const plan = await undo.compare(acme.id)
    expect(found(plan)).toEqual(['deleted memberships: Second'])
    expect(outcomes(await undo.apply(plan))).toEqual([])
    expect(outcomes(await undo.apply(plan, { tables: ['memberships'] }))).toEqual(['Second: restored'])
    expect((await entriesOf(server, second))[0]).toMatchObject({
      action: 'member.restored',
      after: { role: 'viewer' },
    })
    await server.asOwner('UPDATE memberships SET role = CASE WHEN id = $1 THEN \'owner\' ELSE \'viewer\' END', [
      second,
    ])
    const swapped = await undo.compare(acme.id)
    const back = await undo.apply(swapped, { tables: ['memberships'], ids: [second] })
    expect(outcomes(back)).toEqual(['Second: conflict, the organisation would have no owner'])
    expect(outcomes(await undo.apply(swapped, { tables: ['memberships'] })))
      .toEqual(['Owner of Acme: restored', 'Second: restored'])
  })
})

it('more than a hundred rows are told as one: open pages fetch everything anew', async () => {
  const { then: { acme }, server, ...undo } = await story(async (services) => {
    const acme = await tenant(services, 'Acme')
    for (let n = 0; n < 101; n++) await acme.vehicle(`Van ${n}`)
    return { acme }
  })
  await server.asOwner('UPDATE vehicles SET notes = \'oops\'')
  await server.asOwner('DELETE FROM outbox')
  const plan = await undo.compare(acme.id)
  expect((await undo.apply(plan)).done.filter(({ outcome }) => outcome === 'restored')).toHaveLength(101)
  expect(await server.asOwner('SELECT name FROM outbox')).toEqual([{ name: 'resync' }])
  const crowd = { ...plan, items: Array.from({ length: maxAtOnce + 1 }, () => plan.items[0]!) }
  await expect(undo.apply(crowd)).rejects.toThrow(/at most come back at once/)
})

it('what was added since, and what was taken back into use, is shown and stays', async () => {
  const { then: { acme, old }, services, ...undo } = await story(async (services) => {
    const acme = await tenant(services, 'Acme')
    const old = await acme.vehicle('Old')
    await removeVehicle(services, acme.id, old)
    return { acme, old }
  })
  await restoreVehicle(services, acme.id, old)
  await workIn(acme, services).vehicle('New')
  const plan = await undo.compare(acme.id)
  expect(found(plan)).toEqual(['added vehicles: New', 'added vehicles: Old'])
  expect(select(plan, { kinds: [], tables: ['vehicles'], ids: [] })).toEqual([])
})

it('one side stays open while the other is read, longer than an instance may leave a transaction idle', async () => {
  const { then: acme, server, copy } = await story(services => tenant(services, 'Acme'))
  for (const { servingUrl } of [server, copy]) {
    const side = await openSide('copy', servingUrl, acme.id)
    closing.push(() => side.close())
    expect(await side.query('SHOW idle_in_transaction_session_timeout')).toEqual([
      { idle_in_transaction_session_timeout: '1min' },
    ])
  }
})

describe('every table with an organisation\'s rows', () => {
  it('comes back, or is left out with a reason, and not both; those that come back have an id', async () => {
    const { server } = await story(services => tenant(services, 'Acme'))
    const tables = await readTables('running system', server.asOwner)
    expect(undecidedTables(tables.keys())).toEqual([])
    expect([...tables.keys()].sort()).toEqual(
      [...Object.keys(restoredTables), ...Object.keys(leftOut)].sort(),
    )
    for (const name of Object.keys(restoredTables)) expect(tables.get(name)!.key).toEqual(['id'])
  })
  it('is found in the catalogue: a new one that nobody has decided about fails the test above', async () => {
    const { server } = await story(services => tenant(services, 'Acme'))
    await server.asOwner('CREATE TABLE trips (id uuid PRIMARY KEY, organisation_id uuid NOT NULL)')
    await expect(readTables('running system', server.asOwner)).rejects.toThrow(/trips .*is not under/)
    await server.asOwner('ALTER TABLE trips ENABLE ROW LEVEL SECURITY')
    await server.asOwner('ALTER TABLE trips FORCE ROW LEVEL SECURITY')
    expect(undecidedTables((await readTables('running system', server.asOwner)).keys())).toEqual(['trips'])
  })
})

describe('the command', () => {
  const script = fileURLToPath(new URL('../../scripts/undo.ts', import.meta.url))
  /** Runs it as an operator does, and says how it ended. */
  function command(
    { server, copy }: Pick<Story<unknown>, 'server' | 'copy'>,
    args: string[],
    env: Record<string, string> = {},
  ) {
    const all = {
      PATH: process.env.PATH,
      NUXT_DATABASE_URL: server.servingUrl,
      UNDO_COPY_URL: copy.servingUrl,
      SESSION_PASSWORD: 'a-password-for-tests-of-at-least-32-characters',
      ...env,
    }
    return new Promise<{ code: number, out: string, err: string }>((resolve) => {
      execFile(process.execPath, [script, ...args], { env: all }, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out, err }),
      )
    })
  }

  it('compares, tries and applies, with the plan as a file between them', async () => {
    const told = await story(async (services) => {
      const acme = await tenant(services, 'Acme')
      return { acme, van: await acme.vehicle('Van', 'B-1') }
    })
    const { then: { acme, van }, server, services } = told
    await removeVehicle(services, acme.id, van)
    const compared = await command(told, ['compare', '--organisation', acme.id])
    expect(compared).toMatchObject({ code: 0, out: expect.stringContaining('vehicles: 1 deleted') })
    const folder = await mkdtemp(join(tmpdir(), 'fleet2-undo-'))
    closing.push(() => rm(folder, { recursive: true }))
    const plan = join(folder, 'plan.json')
    await writeFile(plan, (await command(told, ['compare', '--organisation', acme.id, '--json'])).out)
    const words = ['apply', '--plan', plan, '--by', 'Ada', '--reason', 'a wrong click', '--only', 'deleted']
    const removed = async () =>
      (await server.asOwner('SELECT FROM vehicles WHERE removed_at IS NOT NULL')).length
    expect(await command(told, words)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Would be restored: 1'),
    })
    expect(await removed()).toBe(1)
    expect(await command(told, [...words, '--yes'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('Restored: 1'),
    })
    expect(await removed()).toBe(0)
    await updateVehicle(services, acme.id, van, { name: 'Newer' })
    expect(await command(told, [...words, '--yes'])).toMatchObject({
      code: 3,
      out: expect.stringContaining('compare again'),
    })
  })
  it('says what is wrong, what would be right, and ends with the code of its kind', async () => {
    const told = await story(services => tenant(services, 'Acme'))
    const { then: acme, server, copy } = told
    const ask = ['compare', '--organisation', acme.id]
    const nobody = ['compare', '--organisation', uuidv7()]
    const cases: [args: string[], env: Record<string, string>, code: number, words: RegExp][] = [
      [['compare'], {}, 2, /--organisation wants the id/],
      [['undo'], {}, 2, /neither compare nor apply/],
      [[...ask, '--table', 'positions'], {}, 2, /positions is none of/],
      [['apply', '--plan', '/nowhere', '--by', 'Ada', '--reason', 'x'], {}, 2, /\/nowhere is no plan/],
      [['apply', '--plan', '-'], {}, 2, /--by and --reason/],
      [
        ask,
        { UNDO_COPY_URL: 'postgresql://fleet_app:x@127.0.0.1:1/fleet' },
        4,
        /The copy cannot be reached: .*ECONNREFUSED/,
      ],
      [ask, { UNDO_COPY_URL: server.servingUrl }, 7, /no copy that deploy\/scripts\/undo\.sh has opened/],
      [ask, { NUXT_DATABASE_URL: copy.servingUrl, UNDO_COPY_URL: server.servingUrl }, 7, /wrong way round/],
      [ask, { UNDO_COPY_URL: copy.ownerUrl }, 7, /may pass by row-level security/],
      [nobody, {}, 6, /There is no organisation/],
      [ask, { NUXT_DATABASE_URL: '' }, 78, /NUXT_DATABASE_URL/],
    ]
    for (const [args, env, code, words] of cases)
      expect(await command(told, args, env)).toMatchObject({ code, err: expect.stringMatching(words) })
    await server.asOwner('DELETE FROM memberships')
    await copy.asOwner('DELETE FROM memberships')
    await copy.asOwner('DELETE FROM organisations')
    expect(await command(told, ask)).toMatchObject({
      code: 6,
      err: expect.stringContaining('was not there yet'),
    })
    await copy.asOwner(
      'DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)',
    )
    expect(await command(told, ask)).toMatchObject({
      code: 5,
      err: expect.stringContaining('npm run db:migrate'),
    })
  })
})
