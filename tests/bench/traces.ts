import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { startCluster } from '../support/cluster.ts'
import { createClient, signUp, type SignedUp } from '../support/client.ts'
import { startRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * `npm run bench:traces [-- --rounds N] [--write]`: what metrics and traces cost. The same instance with
 * traces off, with one in a hundred recorded and with all, beside one in which no metric counts anything
 * either (`uncounted.ts`). They take turns in slices of two seconds, each round in another order, so that a
 * busy machine is busy for all of them; each figure is the median of the rounds' ratios.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    write: { type: 'boolean' },
  },
})
const rounds = Number(options.rounds)
const secondsASlice = 2
const connections = 8
const vehicles = 20

/** Takes spans and forgets them, in a process of its own; on the same cores, which a collector's is not. */
const collectorCode = `
  const server = require('node:http').createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`
const collector = spawn(process.execPath, ['-e', collectorCode], { stdio: ['ignore', 'pipe', 'inherit'] })
const [collectorPort] = (await once(collector.stdout, 'data')) as [Buffer]
const [cluster, redis] = await Promise.all([startCluster({ pastBalancer: true }), startRedis()])

interface Variant {
  name: string
  server: TestServer
}
interface Figures {
  rate: number
  p99: number
}

const common = {
  NUXT_DATABASE_URL: cluster.pgbouncerUrls.write,
  NUXT_DATABASE_READ_URL: cluster.pgbouncerUrls.read,
  NUXT_REDIS_URL: redis.url,
  NUXT_LOG_LEVEL: 'warn',
}
const recorded = (ratio: string) => ({
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(collectorPort).trim()}`,
  OTEL_TRACES_SAMPLER_ARG: ratio,
})
const variants: Variant[] = []
const uncounted = fileURLToPath(new URL('uncounted.ts', import.meta.url))
for (const { name, env } of [
  { name: 'none, and no metrics', env: { NODE_OPTIONS: `--import ${uncounted}` } },
  { name: 'off', env: {} },
  { name: '1 % recorded', env: recorded('0.01') },
  { name: '100 % recorded', env: recorded('1') },
])
  variants.push({
    name,
    server: await startServer({ env: { ...common, INSTANCE_ID: `bench-${variants.length}`, ...env } }),
  })
if ((await metricsOf(variants[0]!.server)) > 0) throw new Error('The first instance counts all the same')

const user = await signUp(variants[0]!.server.url)
for (let n = 0; n < vehicles; n++) {
  const { body } = await user.send<{ id: string }>('POST', '/api/v1/vehicles', { name: `Vehicle ${n}` })
  const identifier = `bench-${n}`
  const device = { name: `Device ${n}`, identifier, vehicleId: body.id, tokenRequired: false }
  await user.send('POST', '/api/v1/devices', device)
  await createClient(variants[0]!.server.url).send('GET', `/api/ingest?id=bench-${n}&lat=52&lon=13&speed=50`)
}

type Request = Pick<autocannon.Request, 'method' | 'path' | 'body' | 'headers'>
const json = { 'content-type': 'application/json' }
let made = 0
const paths: { name: string, ask(): Request }[] = [
  { name: `GET /api/v1/vehicles (${vehicles})`, ask: () => ({ method: 'GET', path: '/api/v1/vehicles' }) },
  {
    name: 'POST /api/v1/vehicles (idempotent, audited)',
    ask: () => ({
      method: 'POST',
      path: '/api/v1/vehicles',
      body: JSON.stringify({ name: `Made ${made++}` }),
      headers: { ...json, 'idempotency-key': crypto.randomUUID() },
    }),
  },
  {
    name: 'GET /api/ingest (a position)',
    ask: () => ({
      method: 'GET',
      path: `/api/ingest?id=bench-${made++ % vehicles}&lat=52&lon=13&timestamp=${1_700_000_000 + made}`,
    }),
  },
]

const lines: string[] = []
try {
  for (const path of paths) lines.push(...(await compare(path)))
}
finally {
  for (const { server } of variants) await server.stop()
  await redis.stop()
  await cluster.stop()
  collector.kill()
}
if (options.write) await writeDown()
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()

/** Requests that an instance says it has answered: none where nothing is counted. */
async function metricsOf({ url }: TestServer): Promise<number> {
  await fetch(`${url}/api/health/live`)
  const text = await (await fetch(`${url}/metrics`)).text()
  const counts = [...text.matchAll(/^http_request_duration_seconds_count.* (\d+)$/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

/** One row a variant: its rate as a share of the first one's, in the same round. */
async function compare({ name, ask }: (typeof paths)[number]): Promise<string[]> {
  const figures: Figures[][] = variants.map(() => [])
  // Connections, plans and the compiler warm up.
  for (const { server } of variants) await slice(server, ask, user)
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const n = (round + turn) % variants.length
      figures[n]!.push(await slice(variants[n]!.server, ask, user))
    }
  }
  return variants.map((variant, n) => {
    const ratios = (pick: (figures: Figures) => number) =>
      figures[n]!.map((own, round) => pick(own) / pick(figures[0]![round]!)).toSorted((a, b) => a - b)
    const rates = ratios(({ rate }) => rate)
    const quarter = (share: number) => rates[Math.round((rates.length - 1) * share)]!.toFixed(2)
    const here = Math.round(median(figures[n]!.map(({ rate }) => rate)))
    const rate = `${median(rates).toFixed(2)} (${quarter(0.25)} to ${quarter(0.75)})`
    const p99 = median(ratios(({ p99 }) => p99)).toFixed(2)
    const line = `| ${name} | ${variant.name} | ${rate} | ${p99} | ${here} |`
    console.log(line)
    return line
  })
}

async function slice({ url }: TestServer, ask: () => Request, { cookie }: SignedUp): Promise<Figures> {
  const setupRequest = (request: autocannon.Request) => {
    const { headers, ...rest } = ask()
    return { ...request, ...rest, headers: { ...request.headers, ...headers } }
  }
  const result = await autocannon({
    url,
    connections,
    duration: secondsASlice,
    headers: { cookie: cookie() },
    requests: [{ setupRequest }],
  })
  const failed = result.errors + result.non2xx
  if (failed) throw new Error(`${failed} requests failed; the figures would mean nothing`)
  return { rate: result.requests.average, p99: Math.max(1, result.latency.p99) }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

async function writeDown() {
  const page = fileURLToPath(new URL('../../docs/tracing.md', import.meta.url))
  const about = `Median of ${rounds} rounds of ${secondsASlice} s (and the middle half of them),
${connections} connections, ${cpus().length} shared cores; PostgreSQL 15 with a synchronous standby and
without fsync, PgBouncer, Redis, the load generator and the collector on the same machine.`
  const table = [
    '| what | traces | requests/s, ratio | p99, ratio | requests/s here |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ]
  const text = await readFile(page, 'utf8')
  await writeFile(
    page,
    text.replace(
      /(<!-- bench:begin -->\n)[\s\S]*(<!-- bench:end -->)/,
      (_, begin: string, end: string) => `${begin}\n${[about, '', ...table].join('\n')}\n\n${end}`,
    ),
  )
}
