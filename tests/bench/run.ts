import { execFileSync, spawn } from 'node:child_process'
import { readFile, mkdtemp, rm, chmod, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import autocannon, { type Options, type Request } from 'autocannon'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { createClient, signUp } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { benchKeeping } from './keeping.ts'
import { freePort } from '../support/ports.ts'
import { benchPositions } from './positions.ts'
import { cpuSeconds, residentMegabytes } from './process.ts'
import { formatRow, spread, type Row } from './table.ts'
import { loadTrackers } from './trackers.ts'

/**
 * `npm run bench [-- --write] [--rounds N] [--only TEXT] [--base DIR]`: Fleet2 beside a bare Nitro server
 * that does the same work, in one run and in turn, so that a slow machine is slow for both. Ratios count, and
 * the CPU time of the server's process a request; single rates of a shared machine do not.
 *
 * `--base`: another checkout of Fleet2 that has been built, measured in the same turns: what a change did.
 */
const { values: options } = parseArgs({
  options: {
    write: { type: 'boolean' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    base: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const secondsASlice = 3
const connections = 16
/** Trackers, each with a connection of its own, and one position at a time. */
const trackers = 256
const vehicleCount = 50

const folder = await mkdtemp(join(tmpdir(), 'fleet2-bench-'))
await chmod(folder, 0o755)
const postgres = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, tcp: true })
await migrate({
  ...postgres,
  migrations: await migrationsFromFolder(
    fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
  ),
})
const env = {
  NUXT_DATABASE_URL: postgres.servingUrl,
  NUXT_LOG_LEVEL: 'warn',
  // A few trackers of one organisation send as fast as they can.
  NUXT_INGEST_DEVICE_LIMIT: '100000',
  NUXT_INGEST_ORGANISATION_LIMIT: '1000000',
}
const trackerPort = await freePort()
const fleet2 = await startServer({ env: { ...env, NUXT_GATEWAY_TELTONIKA_PORT: String(trackerPort) } })
const base = options.base
  ? await startServer({ env, entry: resolve(options.base, '.output/server/index.mjs') })
  : null

/** Each instance has a Redis of its own in its memory, and so its own sessions. */
const user = await signUp(fleet2.url)
const organisationId = user.session.organisation!.id
const vehicleIds: string[] = []
// As IMEIs: trackers over TCP have no others.
const identifiers = Array.from({ length: trackers }, (_, n) => String(350_000_000_000_000 + n))
for (let n = 0; n < vehicleCount; n++) {
  const { body } = await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: `Vehicle ${n}` })
  vehicleIds.push(body.id)
}
for (const [n, identifier] of identifiers.entries()) {
  await user.send('POST', '/api/v1/devices', {
    name: `Device ${n}`, identifier, vehicleId: vehicleIds[n], tokenRequired: false,
  })
  if (n < vehicleCount)
    await createClient(fleet2.url).send('GET', `/api/ingest?id=${identifier}&lat=52&lon=13&speed=50`)
}
const baseUser = base && createClient(base.url)
await baseUser?.send('POST', '/api/v1/session', { email: user.email, password: user.password })

const nitro = fileURLToPath(new URL('nitro', import.meta.url))
execFileSync(process.execPath, ['node_modules/nitropack/dist/cli/index.mjs', 'build', '--dir', nitro], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const bareProcess = spawn(process.execPath, [join(nitro, '.output/server/index.mjs')], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: {
    ...process.env,
    NODE_ENV: 'production',
    PORT: '0',
    HOST: '127.0.0.1',
    BENCH_DATABASE_URL: postgres.ownerUrl,
    BENCH_SERVING_URL: postgres.servingUrl,
    BENCH_ORGANISATION_ID: organisationId,
  },
})
const bareUrl = await new Promise<string>(resolve =>
  bareProcess.stdout.once('data', data => resolve(/http:\S+/.exec(String(data))![0])),
)

interface Side { name: 'ours' | 'base' | 'bare', url: string, pid: number, cookie: string }
const bare: Side = { name: 'bare', url: bareUrl, pid: bareProcess.pid!, cookie: user.cookie() }
const contestants: Side[] = [
  { name: 'ours', url: fleet2.url, pid: fleet2.pid, cookie: user.cookie() },
  ...(base ? [{ name: 'base' as const, url: base.url, pid: base.pid, cookie: baseUser!.cookie() }] : []),
]

interface Figures { rate: number, p99: number, cpuMs: number }

/** One slice of load on one server. @throws Error when an answer was none of success. */
async function load({ url, pid, cookie }: Side, path: string, more: Partial<Options> = {}): Promise<Figures> {
  const before = cpuSeconds(pid)
  const result = await autocannon({
    url: url + path, connections, duration: secondsASlice, headers: { cookie }, ...more,
  })
  const spent = cpuSeconds(pid) - before
  const failed = result.errors + result.non2xx
  if (failed) throw new Error(`${path}: ${failed} requests failed; the figures would mean nothing`)
  return {
    rate: result.requests.average,
    p99: Math.max(1, result.latency.p99),
    cpuMs: spent / result.requests.total * 1000,
  }
}

let posted = 0
const newVehicle: Request = {
  method: 'POST',
  setupRequest: request => ({
    ...request,
    body: JSON.stringify({ name: `Bench ${posted++}` }),
    headers: {
      ...request.headers,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
  }),
}

let nextTracker = 0
/** Each connection is one tracker. It says no time: the moment in which its message arrives. */
const asTrackers: Partial<Options> = {
  connections: trackers,
  headers: {},
  setupClient(client) {
    const path = `/api/ingest?id=${identifiers[nextTracker++ % trackers]}&lat=52.1&lon=13.1&speed=50`
    client.setRequests([{ method: 'GET', path }])
  },
}

/** Ratios of the store's rate to that of COPY of the same rows. */
const besideCopy: number[] = []

/** What our server does, and what it stands beside. */
interface Work {
  name: string
  beside: string
  run(side: Side): Promise<Figures>
  reference(): Promise<Figures>
  /** Another checkout may not have it. */
  oursAlone?: true
}
const http = (name: string, path: string, more?: Partial<Options>): Work => ({
  name,
  beside: 'a bare Nitro route',
  run: side => load(side, path, more),
  reference: () => load(bare, path, more),
})
const works: Work[] = [
  http('GET /api/health/live', '/api/health/live'),
  http('GET /api/health', '/api/health'),
  {
    ...http('GET /api/v1/vehicles/:id', `/api/v1/vehicles/${vehicleIds[0]}`),
    beside: 'a bare Nitro route, the same function through the router',
  },
  {
    ...http('GET /api/v1/vehicles (50, live)', '/api/v1/vehicles'),
    beside: 'a bare Nitro route, the same query by node-postgres',
  },
  {
    ...http('POST /api/v1/vehicles (idempotent, audited)', '/api/v1/vehicles', { requests: [newVehicle] }),
    beside: 'a bare Nitro route, the INSERT by node-postgres',
  },
  {
    name: 'a position over HTTP, acknowledged after commit',
    beside: 'the store alone, in this process',
    run: side => load(side, '/api/ingest', asTrackers),
    async reference() {
      const before = process.cpuUsage()
      const { ingest, copy, rows } = await benchPositions({ ...postgres, identifiers, organisationId })
      besideCopy.push(ingest / copy)
      const { user: own, system } = process.cpuUsage(before)
      return { rate: ingest, p99: Number.NaN, cpuMs: (own + system) / 1000 / rows }
    },
  },
  ...[1, 20].map((recordsAPacket): Work => ({
    name: `a position over TCP (Teltonika, ${recordsAPacket} a packet), acknowledged after commit`,
    beside: 'a position over HTTP',
    oursAlone: true,
    async run({ pid }) {
      const before = cpuSeconds(pid)
      const { records, seconds, p99 } = await loadTrackers({
        port: trackerPort, identifiers, seconds: secondsASlice, recordsAPacket,
      })
      return { rate: records / seconds, p99, cpuMs: (cpuSeconds(pid) - before) / records * 1000 }
    },
    reference: () => load(contestants[0]!, '/api/ingest', asTrackers),
  })),
]

const rows: Row[] = []
for (const work of works.filter(one => one.name.includes(options.only))) {
  const { name, beside, run, reference, oursAlone } = work
  const measured = oursAlone ? contestants.slice(0, 1) : contestants
  // The compiler and the connections warm up.
  for (const side of measured) await run(side)
  await reference()
  const figures: Record<Side['name'], Figures[]> = { ours: [], base: [], bare: [] }
  for (let round = 0; round < rounds; round++) {
    // In another order each time: whoever comes after a pause of the others is no better off.
    const turns = [...measured, bare]
    for (let n = 0; n < turns.length; n++) {
      const side = turns[(n + round) % turns.length]!
      figures[side.name].push(side === bare ? await reference() : await run(side))
    }
  }
  const ratios = (who: Figures[], pick: (figures: Figures) => number) =>
    spread(who.map((own, round) => pick(own) / pick(figures.bare[round]!)))
  for (const side of measured) {
    const own = figures[side.name]
    const row: Row = {
      name: side.name === 'base' ? `${name}: before` : name,
      beside,
      rate: ratios(own, one => one.rate),
      p99: ratios(own, one => one.p99),
      ratePerSecond: spread(own.map(one => one.rate)).median,
      cpuMs: spread(own.map(one => one.cpuMs)),
      referenceCpuMs: spread(figures.bare.map(one => one.cpuMs)).median,
    }
    rows.push(row)
    console.log(formatRow(row))
  }
}

const lines: string[] = []
if (besideCopy.length) {
  const { min, median, max } = spread(besideCopy)
  lines.push(
    `| the store alone, beside COPY of the same rows, ratio | ${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}) |`,
  )
  console.log(lines[0])
}
/** A setting of its own, and all organisations' from then on: last of all. */
if ('retention and thinning'.includes(options.only)) {
  const { rows, rate, kept, bytes, walBytes, dropMs, p99 } = await benchKeeping(postgres)
  const day = `a day of ${(rows / 1e6).toFixed(2)} million positions`
  const mb = (size: number) => `${(size / 1e6).toFixed(0)} MB`
  const besideThat = `${p99.alone.toFixed(0)} ms alone, ${p99.beside.toFixed(0)} ms beside it`
  const own = [
    `| ${day}, and another: thinned and deleted beside input, half the time resting | ${rate.toFixed(0)} positions/s |`,
    `| p99 of 500 positions/s to their acknowledgement | ${besideThat} |`,
    `| ${day}, as it came and thinned to 10 m | ${mb(bytes.raw)}, ${mb(bytes.packed)}; ${(kept * 100).toFixed(1)} % of its points |`,
    `| WAL for a position that is thinned | ${walBytes.toFixed(0)} bytes |`,
    `| ${day}: its partition dropped | ${dropMs.toFixed(0)} ms |`,
  ]
  lines.push(...own)
  console.log(own.join('\n'))
}
/** Memory and start, of instances of their own: nobody has asked them anything. */
if ('start and memory'.includes(options.only)) {
  for (const [name, entry] of [
    ['', undefined],
    ...(options.base ? [[': before', resolve(options.base, '.output/server/index.mjs')] as const] : []),
  ] as const) {
    const starts: number[] = []
    const megabytes: number[] = []
    for (let n = 0; n < 3; n++) {
      const began = performance.now()
      const fresh = await startServer({ env, entry })
      starts.push(performance.now() - began)
      await sleep(10_000)
      megabytes.push(residentMegabytes(fresh.pid))
      await fresh.stop()
    }
    const start = spread(starts)
    const memory = spread(megabytes)
    lines.push(
      `| from the start of the process to ready${name} | ${start.median.toFixed(0)} ms (${start.min.toFixed(0)} to ${start.max.toFixed(0)}) |`,
      `| resident memory, idle for 10 s${name} | ${memory.median.toFixed(0)} MB (${memory.min.toFixed(0)} to ${memory.max.toFixed(0)}) |`,
    )
    console.log(lines.slice(-2).join('\n'))
  }
}

bareProcess.kill()
await Promise.all([fleet2.stop(), base?.stop()])
await postgres.stop()
await rm(folder, { recursive: true, force: true })

if (options.write) {
  const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
  const text = [
    `Median of ${rounds} rounds of ${secondsASlice} s (least to most in brackets), ${connections} connections,`,
    `${trackers} trackers, ${cpus().length} shared cores, PostgreSQL 18 with fsync, load generator on the same`,
    'machine. CPU: of the server\'s process alone.',
    '',
    '| what | requests/s, ratio | p99, ratio | CPU a request | CPU of the reference | requests/s here |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(formatRow),
    '',
    '| what | median |',
    '| --- | --- |',
    ...lines,
  ].join('\n')
  const present = await readFile(page, 'utf8')
  await writeFile(
    page,
    present.replace(
      /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/,
      (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`,
    ),
  )
}
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()
