import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { v7 as uuidv7, version as uuidVersion } from 'uuid'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { migrate } from '#server/database/migrate.ts'
import { migrationsFromFolder, type Migration } from '#server/database/migrations.ts'
import { TimeZone } from '#shared/schemas/common.ts'

const name = `test_${randomBytes(6).toString('hex')}`
const at = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href
let admin: pg.Client
let owner: pg.Client
let migrations: Migration[]

/** What was stored before only IANA names were taken, and what it becomes. */
const zones = {
  'Europe/Berlin': 'Europe/Berlin',
  'UTC': 'UTC',
  'Etc/GMT+5': 'Etc/GMT+5',
  'America/Argentina/Ushuaia': 'America/Argentina/Ushuaia',
  // A name that the database does not know, perhaps because its own list is older: it is left.
  'Europe/Atlantis': 'Europe/Atlantis',
  'europe/berlin': 'Europe/Berlin',
  'AMERICA/NEW_YORK': 'America/New_York',
  'utc': 'UTC',
  'GMT': 'UTC',
  'GB': 'Europe/London',
  'est5edt': 'America/New_York',
  'EST': 'America/Panama',
  'CET': 'Europe/Brussels',
  'Japan': 'Asia/Tokyo',
  // Ahead of UTC, which POSIX and its names write with a minus.
  '+05:00': 'Etc/GMT-5',
  '+14': 'Etc/GMT-14',
  '-0300': 'Etc/GMT+3',
  '-12:00': 'Etc/GMT+12',
  '+00:00': 'UTC',
  '-00': 'UTC',
  // Several zones' or nobody's.
  '+05:30': 'UTC',
  '-03:30': 'UTC',
  '+15:00': 'UTC',
  '-13:00': 'UTC',
  'Factory': 'UTC',
}

beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('debianOwnerUrl') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  migrations = await migrationsFromFolder(
    fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
  )
  const [ownerUrl, servingUrl] = [at(inject('debianOwnerUrl')), at(inject('debianServingUrl'))]
  await migrate({ ownerUrl, servingUrl, migrations: migrations.slice(0, 6) })
  owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
})
afterAll(async () => {
  await owner.end()
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  await admin.query(`DROP ROLE IF EXISTS ${name}`)
  await admin.end()
})

it('each stored time zone becomes an IANA name, the same where there is one; the owner of the schema '
  + 'may be no superuser', async () => {
  for (const zone of Object.keys(zones)) {
    await owner.query('INSERT INTO organisations (id, name, time_zone) VALUES ($1, $2, $3)', [
      uuidv7(),
      `In ${zone}`,
      zone,
    ])
  }
  const before = new Date()
  await owner.query(`CREATE ROLE ${name}`)
  for (const table of ['organisations', 'audit_entries', 'memberships', 'invitations'])
    await owner.query(`ALTER TABLE ${table} OWNER TO ${name}`)
  await owner.query(`BEGIN; SET LOCAL ROLE ${name}`)
  await owner.query(migrations[6]!.sql)
  await owner.query('COMMIT')

  const { rows } = await owner.query<{ name: string, time_zone: string, version: number }>(
    'SELECT name, time_zone, version FROM organisations',
  )
  expect(Object.fromEntries(rows.map(row => [row.name.slice(3), row.time_zone]))).toEqual(zones)
  // As the present program takes them: whoever saves the organisation's settings is not refused for what
  // stands there.
  for (const { time_zone } of rows)
    if (time_zone !== 'Europe/Atlantis') expect(TimeZone.safeParse(time_zone).success, time_zone).toBe(true)

  const { rows: entries } = await owner.query<{
    id: string
    subject_label: string
    before: unknown
    after: unknown
    at: Date
  }>(
    `SELECT * FROM audit_entries WHERE action = 'organisation.updated'
      AND actor_name = 'Fleet2' AND organisation_id = subject_id`,
  )
  const changed = Object.entries(zones).filter(([old, now]) => old !== now)
  const told = entries.map(entry => [entry.subject_label, entry.before, entry.after]).sort()
  expect(told).toEqual(
    changed.map(([old, now]) => [`In ${old}`, { timeZone: old }, { timeZone: now }]).sort(),
  )
  expect(rows.filter(({ version }) => version === 2)).toHaveLength(changed.length)
  for (const { id } of entries) {
    expect(uuidVersion(id)).toBe(7)
    const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
    // The test's clock and the database's are one machine's.
    expect(madeAt).toBeGreaterThanOrEqual(before.getTime())
    expect(madeAt).toBeLessThanOrEqual(Date.now())
  }
  const {
    rows: [table],
  } = await owner.query<{ relforcerowsecurity: boolean }>(
    `SELECT relforcerowsecurity FROM pg_class WHERE relname = 'organisations'`,
  )
  expect(table!.relforcerowsecurity).toBe(true)
})

it('a second run finds nothing to do', async () => {
  await owner.query('BEGIN')
  const {
    rows: [first],
  } = await owner.query<{ entries: number }>('SELECT count(*)::int AS entries FROM audit_entries')
  await owner.query(migrations[6]!.sql)
  const {
    rows: [second],
  } = await owner.query<{ entries: number }>('SELECT count(*)::int AS entries FROM audit_entries')
  await owner.query('ROLLBACK')
  expect(second).toEqual(first)
})
