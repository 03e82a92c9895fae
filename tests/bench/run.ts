import { execFileSync, spawn } from 'node:child_process'
import { readFile, mkdtemp, rm, chmod, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { createClient, signUp } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { benchPositions } from './positions.ts'

/**
 * `npm run bench`: Fleet2 beside a bare Nitro server that runs the same queries, in one run and in turn, so
 * that a slow machine is slow for both. Ratios count; single figures of a shared machine do not.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const secondsARound = 3
const connections = 16

const folder = await mkdtemp(join(tmpdir(), 'fleet2-bench-'))
await chmod(folder, 0o755)
const postgres = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, tcp: true })
await migrate({
  ...postgres,
  migrations: await migrationsFromFolder(
    fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
  ),
})
const fleet2 = await startServer({ env: { NUXT_DATABASE_URL: postgres.servingUrl, NUXT_LOG_LEVEL: 'warn' } })
const user = await signUp(fleet2.url)
const organisationId = user.session.organisation!.id
const identifiers: string[] = []
for (let n = 0; n < 50; n++) {
  const { body } = await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: `Vehicle ${n}` })
  identifiers.push(`bench-${n}`)
  await user.send('POST', '/api/v1/devices', {
    name: `Device ${n}`, identifier: `bench-${n}`, vehicleId: body.id, tokenRequired: false,
  })
  await createClient(fleet2.url).send('GET', `/api/ingest?id=bench-${n}&lat=52&lon=13&speed=50`)
}
const nitro = fileURLToPath(new URL('nitro', import.meta.url))
execFileSync(process.execPath, ['node_modules/nitropack/dist/cli/index.mjs', 'build', '--dir', nitro], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const bare = spawn(process.execPath, [join(nitro, '.output/server/index.mjs')], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: {
    ...process.env,
    NODE_ENV: 'production',
    PORT: '0',
    HOST: '127.0.0.1',
    BENCH_DATABASE_URL: postgres.ownerUrl,
    BENCH_ORGANISATION_ID: organisationId,
  },
})
const bareUrl = await new Promise<string>(resolve =>
  bare.stdout.once('data', data => resolve(/http:\S+/.exec(String(data))![0])),
)

interface Figures { rate: number, p99: number, errors: number }
async function load(url: string, path: string, post: boolean): Promise<Figures> {
  let n = 0
  const result = await autocannon({
    url: url + path,
    connections,
    duration: secondsARound,
    headers: { cookie: user.cookie() },
    ...(post
      ? {
          requests: [
            {
              method: 'POST' as const,
              setupRequest: request => ({
                ...request,
                body: JSON.stringify({ name: `Bench ${n++}` }),
                headers: {
                  ...request.headers,
                  'content-type': 'application/json',
                  'idempotency-key': crypto.randomUUID(),
                },
              }),
            },
          ],
        }
      : {}),
  })
  return { rate: result.requests.average, p99: result.latency.p99, errors: result.errors + result.non2xx }
}
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const lines: string[] = []
for (const [name, path, post] of [
  ['GET /api/health', '/api/health', false],
  ['GET /api/v1/vehicles (50, live)', '/api/v1/vehicles', false],
  ['POST /api/v1/vehicles (idempotent, audited)', '/api/v1/vehicles', true],
] as const) {
  const figures: { ours: Figures, theirs: Figures }[] = []
  for (let round = 0; round < rounds; round++) {
    const ours = await load(fleet2.url, path, post)
    figures.push({ ours, theirs: await load(bareUrl, path, post) })
  }
  const errors = figures.reduce((sum, { ours, theirs }) => sum + ours.errors + theirs.errors, 0)
  if (errors) throw new Error(`${name}: ${errors} requests failed; the figures would mean nothing`)
  lines.push(
    `| ${name} | ${median(figures.map(({ ours, theirs }) => ours.rate / theirs.rate)).toFixed(2)} | ${median(figures.map(({ ours, theirs }) => Math.max(1, ours.p99) / Math.max(1, theirs.p99))).toFixed(1)} | ${Math.round(median(figures.map(({ ours }) => ours.rate)))} | ${median(figures.map(({ ours }) => ours.p99))} ms |`,
  )
  console.log(lines.at(-1))
}
const positions = []
for (let round = 0; round < Math.min(rounds, 3); round++)
  positions.push(await benchPositions({ ...postgres, identifiers, organisationId }))
lines.push(
  `| positions, acknowledged after commit, beside COPY | ${median(positions.map(({ ingest, copy }) => ingest / copy)).toFixed(2)} | – | ${Math.round(median(positions.map(({ ingest }) => ingest)))} | – |`,
)
console.log(lines.at(-1))

bare.kill()
await fleet2.stop()
await postgres.stop()
await rm(folder, { recursive: true, force: true })

const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
const table = [
  '| what | requests/s, ratio to bare | p99, ratio to bare | requests/s here | p99 here |',
  '| --- | --- | --- | --- | --- |',
  ...lines,
].join('\n')
const text = await readFile(page, 'utf8')
await writeFile(
  page,
  text.replace(
    /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/,
    `$1\nMedian of ${rounds} rounds of ${secondsARound} s, ${connections} connections, ${cpus().length} shared cores, PostgreSQL 18 with fsync, load generator on the same machine.\n\n${table}\n$2`,
  ),
)
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()
