import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../../server/database/embedded.ts'
import { migrate } from '../../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../../server/database/migrations.ts'
import { signUp, type SignedUp } from '../../support/client.ts'
import { startServer, type TestServer } from '../../support/server.ts'

/** How many vehicles each of the organisations has. */
export const fleets = [50, 1_000, 10_000] as const

/** One that serves pages: where, by which process, and where the files are that it serves. */
export interface Subject {
  name: 'before' | 'now' | 'bare Nuxt'
  url: string
  pid: number
  files: string
}

export interface Installation {
  /** The former build where one is given, this tree's, and the reference. */
  subjects: Subject[]
  /** The owner of the organisation with so many vehicles, signed in everywhere. */
  owners: Map<number, SignedUp>
  stop(): Promise<void>
}

/**
 * One database with three fleets, and on it this tree's build, another checkout's (`before`, built) and a
 * bare Nuxt page.
 */
export async function startInstallation(before: string | undefined): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-bench-pages-'))
  await chmod(folder, 0o755)
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, tcp: true })
  const migrations = fileURLToPath(new URL('../../../server/database/migrations', import.meta.url))
  await migrate({ ...postgres, migrations: await migrationsFromFolder(migrations) })
  const env = {
    NUXT_DATABASE_URL: postgres.servingUrl, NUXT_LOG_LEVEL: 'warn', HOST: 'localhost',
  }
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const builds = [
    ...before ? [{ name: 'before' as const, output: resolve(before, '.output') }] : [],
    { name: 'now' as const, output: join(root, '.output') },
  ]
  const servers: TestServer[] = []
  const subjects: Subject[] = []
  for (const { name, output } of builds) {
    const server = await startServer({
      env: { ...env, INSTANCE_ID: name }, entry: join(output, 'server/index.mjs'),
    })
    servers.push(server)
    const url = server.url.replace(/\[::1\]|127\.0\.0\.1/, 'localhost')
    subjects.push({ name, url, pid: server.pid, files: join(output, 'public') })
  }

  const owners = new Map<number, SignedUp>()
  const database = new pg.Client({ connectionString: postgres.ownerUrl })
  await database.connect()
  for (const count of fleets) {
    const owner = await signUp(subjects.at(-1)!.url, `Fleet of ${count}`)
    await database.query(fill, [owner.session.organisation!.id, count])
    owners.set(count, owner)
  }
  await database.query('ANALYZE')
  await database.end()

  const { child, subject } = await startBareNuxt(postgres.ownerUrl, owners.get(50)!.session.organisation!.id)
  return {
    subjects: [...subjects, subject],
    owners,
    async stop() {
      child.kill()
      for (const server of servers) await server.stop()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function startBareNuxt(databaseUrl: string, organisationId: string): Promise<{
  child: ChildProcess
  subject: Subject
}> {
  const root = fileURLToPath(new URL('../nuxt', import.meta.url))
  const nuxt = fileURLToPath(new URL('../../../node_modules/nuxt/bin/nuxt.mjs', import.meta.url))
  execFileSync(process.execPath, [nuxt, 'build', root], { stdio: ['ignore', 'ignore', 'inherit'] })
  const child = spawn(process.execPath, [join(root, '.output/server/index.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: '0',
      HOST: 'localhost',
      BENCH_DATABASE_URL: databaseUrl,
      BENCH_ORGANISATION_ID: organisationId,
    },
  })
  const [said] = await once(child.stdout, 'data') as [Buffer]
  const url = /http:\S+/.exec(String(said))![0].replace(/\[::1\]|127\.0\.0\.1/, 'localhost')
  const files = join(root, '.output/public')
  return { child, subject: { name: 'bare Nuxt', url, pid: child.pid!, files } }
}

/**
 * `$2` vehicles around twelve towns, each with a device and a newest position; ids as the program makes them
 * (UUIDs of version 7, some minutes apart), registrations and places at random.
 */
const fill = `
  WITH made AS (
    SELECT n, gen_random_uuid() AS device_id,
      (lpad(to_hex((1.7e12 + n * 60000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
        || 'a' || substr(md5(random()::text), 1, 15))::uuid AS id,
      (ARRAY['Sprinter', 'Kangoo', 'Transit', 'Actros', 'Caddy', 'Vito'])[1 + n % 6] AS model
    FROM generate_series(1, $2::int) n
  ), of_vehicles AS (
    INSERT INTO vehicles (id, organisation_id, name, registration, kind, make, model, year)
    SELECT id, $1, model || ' ' || n,
      'B-' || chr(65 + (random() * 25)::int) || chr(65 + (random() * 25)::int) || ' ' || (1000 + n % 9000)
        || CASE WHEN n >= 9000 THEN 'E' ELSE '' END,
      'van', 'Make', model, 2020 + n % 6
    FROM made
  ), of_devices AS (
    INSERT INTO devices (id, organisation_id, name, identifier, vehicle_id, token_required)
    SELECT device_id, $1, 'Device ' || n, 'bench-' || $2::int || '-' || n, id, false FROM made
  ), of_fittings AS (
    INSERT INTO device_fittings (id, organisation_id, device_id, vehicle_id, fitted_at)
    SELECT gen_random_uuid(), $1, device_id, id, '-infinity' FROM made
  )
  INSERT INTO vehicle_states (vehicle_id, organisation_id, device_id, fix_time, received_at, latitude, longitude,
    speed_kmh, course_degrees, attributes)
  SELECT id, $1, device_id, now() - random() * interval '3 days', now(),
    47 + (n % 12) * 0.6 + random() * 0.5, 6 + (n % 12) * 0.7 + random() * 0.6,
    CASE WHEN random() < 0.5 THEN 0 ELSE round((random() * 120)::numeric, 1) END, floor(random() * 360), '{}'
  FROM made`
