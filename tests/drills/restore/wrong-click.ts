import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { v7 as uuidv7 } from 'uuid'
import { migrate } from '../../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../../server/database/migrations.ts'
import type { PostgresNode } from '../../support/cluster/node.ts'
import { until } from '../../support/until.ts'
import type { Ledger, Restored } from './ledger.ts'
import type { Site } from './site.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Vehicles of the organisation, each with a device. */
const fleetSize = 60

/**
 * Somebody removes all vehicles of an organisation and deletes its devices, while another organisation works
 * on: it gets back what it had at the moment before, and keeps what it has made since; the other is
 * untouched. By the operator's own commands.
 */
export async function wrongClick(site: Site, ledger: Ledger, primary: PostgresNode): Promise<Restored> {
  const servingUrl = Object.assign(new URL(primary.ownerUrl()), {
    username: 'fleet_app',
    password: 'serving',
  }).href
  const migrations = await migrationsFromFolder(join(root, 'server/database/migrations'))
  await migrate({ ownerUrl: primary.ownerUrl(), servingUrl, migrations })
  const [ours, theirs] = [uuidv7(), uuidv7()]
  const sql = (text: string) => primary.query<{ row: string }>(text, [], 'fleet')
  for (const id of [ours, theirs]) await sql(fleetOf(id))

  const expected = await fleet(primary, ours)
  const before = await ledger.pause()
  ledger.start()
  await sql(`DELETE FROM devices WHERE organisation_id = '${ours}'`)
  await sql(`UPDATE vehicles SET removed_at = now(), version = version + 1 WHERE organisation_id = '${ours}'`)
  await sql(
    `INSERT INTO vehicles (id, organisation_id, name, kind) VALUES (gen_random_uuid(), '${ours}', 'New', 'van')`,
  )
  await sql(`UPDATE vehicles SET name = name || ' (theirs)' WHERE organisation_id = '${theirs}'`)
  await sql(`DELETE FROM devices WHERE organisation_id = '${theirs}'`)
  const untouched = await fleet(primary, theirs)

  const started = Date.now()
  // So that the archive reaches beyond the moment.
  await new Promise(resolve => setTimeout(resolve, 200))
  await primary.query('SELECT pg_switch_wal()')
  await until(async () => (await site.waiting(primary)).length === 0, 'the archive to have it all')
  const copy = join(site.folder, 'undo')
  const moment = new Date(before).toISOString().replace('T', ' ').replace('Z', '+00')
  await site.script(primary, 'scripts/undo.sh', ['open', '--yes', '-D', copy, '--target-time', moment])
  const undo = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH, NUXT_DATABASE_URL: servingUrl,
      SESSION_PASSWORD: 'a-password-for-drills-of-at-least-32-characters',
    }
    const command = ['scripts/undo.ts', ...args, '--copy', join(copy, 'socket')]
    return (await promisify(execFile)(process.execPath, command, { cwd: root, env })).stdout
  }
  const plan = join(site.folder, 'plan.json')
  await site.account.write(plan, await undo('compare', '--organisation', ours, '--json'))
  await undo('apply', '--plan', plan, '--by', 'the drill', '--reason', 'a wrong click', '--yes')
  const found = await fleet(primary, ours)
  const rtoSeconds = (Date.now() - started) / 1000
  await site.script(primary, 'scripts/undo.sh', ['close', '-D', copy])

  // What was made since stays, beside everything that there was.
  const made = (
    await sql(`SELECT ${text('v')} AS row FROM vehicles v WHERE organisation_id = '${ours}' AND name = 'New'`)
  ).map(({ row }) => row)
  const wanted = new Set([...expected, ...made, ...untouched])
  const there = new Set([...found, ...await fleet(primary, theirs)])
  return {
    scenario: 'wrong click',
    rtoSeconds,
    lostEntries: 0,
    lostSeconds: 0,
    expected: wanted.size,
    found: there.size,
    missing: [...wanted].filter(row => !there.has(row)).length,
    extra: [...there].filter(row => !wanted.has(row)).length,
  }
}

/** SQL that makes an organisation with vehicles and the devices in them. */
function fleetOf(id: string): string {
  const tracker = `'tracker-${id}-' || n`
  return `
    INSERT INTO organisations (id, name) VALUES ('${id}', 'Of the drill');
    WITH made AS (
      INSERT INTO vehicles (id, organisation_id, name, registration, kind)
        SELECT gen_random_uuid(), '${id}', 'Van ' || n, 'B-' || n, 'van' FROM generate_series(1, ${fleetSize}) n
        RETURNING id, split_part(name, ' ', 2)::int AS n), fitted AS (
      INSERT INTO devices (id, organisation_id, name, identifier, vehicle_id, token_required, token_hash)
        SELECT gen_random_uuid(), '${id}', 'Tracker ' || n, ${tracker}, id, true, md5(random()::text) FROM made
        RETURNING id, vehicle_id)
    INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id)
      SELECT gen_random_uuid(), '${id}', id, vehicle_id FROM fitted`
}

/** A row as people see it: without what the program keeps the books by. */
const text = (alias: string) => `(to_jsonb(${alias}) - 'version' - 'updated_at')::text`

/** Vehicles, devices and fittings of an organisation. */
async function fleet(primary: PostgresNode, id: string): Promise<string[]> {
  const rows = await primary.query<{ row: string }>(
    ['vehicles', 'devices', 'device_fittings']
      .map(table => `SELECT ${text('t')} AS row FROM ${table} t WHERE organisation_id = '${id}'`)
      .join(' UNION ALL '),
    [],
    'fleet',
  )
  return rows.map(({ row }) => row)
}
