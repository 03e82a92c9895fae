/**
 * Active health checks beside open-source Nginx, which has none: asks every instance, rewrites Nginx's list
 * of them when a verdict or an address has changed, tests it, reloads. A program of its own: when it dies
 * Nginx goes on with the last list, and its own passive checks.
 *
 *   node checker.ts           checks for ever
 *   node checker.ts --write   writes the list with everybody in it, once, before Nginx starts
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lookup } from 'node:dns/promises'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFigures, serveMetrics } from './figures.ts'
import {
  createVerdict, parseServers, parseTrackerPorts, renderTrackers, renderUpstream, type Server,
} from './upstream.ts'

// What `ps` and `top` show, so that it can be told from the instances.
process.title = 'fleet2-checker'

function seconds(name: string, standard: number): number {
  const value = Number(process.env[name] || standard)
  if (!(value > 0)) throw new Error(`${name} must be a number of seconds above 0`)
  return value * 1000
}

function count(name: string, standard: number): number {
  const value = Number(process.env[name] || standard)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number from 1`)
  return value
}

/** The specification's table: 30 s, 10 s, 3, 2. The deployment sets it sharper; docs/timeouts.md says why. */
const settings = {
  intervalMs: seconds('CHECK_INTERVAL', 30),
  timeoutMs: seconds('CHECK_TIMEOUT', 10),
  failures: count('CHECK_FAILURES', 3),
  successes: count('CHECK_SUCCESSES', 2),
  path: process.env.CHECK_PATH || '/api/health',
  metricsPort: count('CHECK_METRICS_PORT', 9114),
  prefix: process.env.NGINX_PREFIX || '/etc/nginx',
  nginx: process.env.NGINX_BINARY || 'nginx',
  // The specification's optional session affinity. Off: an instance keeps nothing of a browser's that the
  // others do not have.
  sticky: process.env.STICKY === 'cookie',
}
const folder = join(settings.prefix, 'generated')
const instances = parseServers(process.env.UPSTREAMS || 'app1:3000,app2:3000,app3:3000:backup')
/** Who speaks to trackers: the instances, unless it is done apart. */
const gateways = process.env.TRACKER_UPSTREAMS ? parseServers(process.env.TRACKER_UPSTREAMS) : instances
const trackerPorts = parseTrackerPorts(process.env.TRACKER_PORTS ?? '')
const isOne = (list: Server[]) => ({ name, port }: Server) =>
  list.some(other => other.name === name && other.port === port)
const configured = [...instances, ...gateways.filter(server => !isOne(instances)(server))]
/** The addresses of each name: several for a service that is scaled. */
const addresses = new Map<string, string[]>()
const verdicts = new Map<string, ReturnType<typeof createVerdict>>()

function say(level: 'info' | 'warn' | 'error', message: string, more: Record<string, unknown> = {}) {
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, program: 'checker', ...more, message })}\n`,
  )
}

function verdictOf({ name, port, address }: Server) {
  const key = `${name} ${address} ${port}`
  const verdict = verdicts.get(key) ?? createVerdict(settings)
  verdicts.set(key, verdict)
  return verdict
}

/**
 * Every instance that is known at this moment, with its verdict. A name that was never found stands there
 * without an address.
 */
function servers(): Server[] {
  return configured.flatMap(server => (addresses.get(server.name) ?? [null]).map((address) => {
    const one = { ...server, address }
    return { ...one, down: address !== null && verdictOf(one).down }
  }))
}

/**
 * What was known is kept when a name is not found: a stopped container's name vanishes, and comes back with
 * it.
 */
async function resolveAll() {
  await Promise.all(configured.map(async ({ name }) => {
    const found = await lookup(name, { all: true }).catch(() => [])
    // An instance with an address of each family is one instance: it is asked over IPv4, and where there is
    // none over IPv6.
    const one = found.filter(({ family }) => family === 4)
    if (found.length) addresses.set(name, (one.length ? one : found).map(({ address }) => address).sort())
  }))
}

/**
 * Null when it is well, else why not. Any answer but 200 is a failure: 503 is an instance that says so
 * itself.
 */
async function probe({ address, port }: Server): Promise<string | null> {
  try {
    const response = await fetch(
      `http://${address!.includes(':') ? `[${address}]` : address}:${port}${settings.path}`,
      {
        signal: AbortSignal.timeout(settings.timeoutMs),
        headers: { 'user-agent': 'fleet2-checker', 'connection': 'close' },
        redirect: 'manual',
      },
    )
    await response.arrayBuffer()
    return response.status === 200 ? null : `it answers ${response.status}`
  }
  catch (error) {
    const { name, message, cause } = error as Error & { cause?: { code?: string } }
    return name === 'TimeoutError'
      ? `no answer within ${settings.timeoutMs / 1000} s`
      : (cause?.code ?? message)
  }
}

/** What Nginx includes, by the files' names. */
type Files = Record<'upstream.conf' | 'trackers.conf', string>

function render(list: Server[]): Files {
  return {
    'upstream.conf': renderUpstream(list.filter(isOne(instances)), settings),
    'trackers.conf': renderTrackers(list.filter(isOne(gateways)), trackerPorts),
  }
}

function readFiles(): Files {
  const read = (name: keyof Files) => readFileSync(join(folder, name), 'utf8')
  return { 'upstream.conf': read('upstream.conf'), 'trackers.conf': read('trackers.conf') }
}

function replaceFiles(files: Files) {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

/**
 * `nginx -t`. Not by execFile: its pipes are sockets, and Nginx cannot open a socket as /dev/stdout, where
 * its access log goes.
 */
async function testConfiguration() {
  const nginx = spawn(
    settings.nginx,
    ['-t', '-q', '-e', 'stderr', '-p', settings.prefix, '-c', join(settings.prefix, 'nginx.conf')],
    { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 },
  )
  let complaint = ''
  nginx.stderr.on('data', data => complaint += String(data))
  const [code] = await once(nginx, 'close') as [number | null]
  if (code !== 0) throw new Error(`nginx -t: ${complaint.trim() || 'no answer'}`)
}

/** The new list into Nginx; the old one back if Nginx does not like it. */
async function apply(files: Files): Promise<void> {
  const before = readFiles()
  replaceFiles(files)
  try {
    await testConfiguration()
    process.kill(Number(readFileSync(join(settings.prefix, 'generated/nginx.pid'), 'utf8')), 'SIGHUP')
  }
  catch (error) {
    replaceFiles(before)
    throw error
  }
}

const figures = createFigures()
/** As JSON. */
let applied = ''
let noneWasWell = false

async function round() {
  await resolveAll()
  await Promise.all(servers().filter(({ address }) => address !== null).map(async (server) => {
    const reason = await probe(server)
    const verdict = verdictOf(server)
    if (!verdict.add(reason === null)) return
    figures.verdict({ ...server, down: verdict.down })
    const instance = { instance: server.name, address: server.address }
    if (verdict.down) say('warn', `${server.name} is taken out: ${reason}`, instance)
    else say('info', `${server.name} is back`, instance)
  }))
  const list = servers()
  figures.round(list)
  const noneWell = list.every(({ down, address }) => down || address === null)
  if (noneWell && !noneWasWell)
    say('error', 'Every instance fails its check. All stay in rotation: the last one is never taken out.')
  noneWasWell = noneWell
  const files = render(list)
  if (JSON.stringify(files) === applied) return
  await apply(files)
  applied = JSON.stringify(files)
  say('info', 'Nginx has the new list', { out: list.filter(({ down }) => down).map(({ name }) => name) })
}

await resolveAll()
if (process.argv.includes('--write')) {
  replaceFiles(render(servers()))
}
else {
  serveMetrics(settings.metricsPort, figures, message => say('warn', message))
  applied = JSON.stringify(readFiles())
  say(
    'info',
    `Checking ${configured.map(({ name }) => name).join(', ')} every ${settings.intervalMs / 1000} s`,
  )
  for (;;) {
    const started = Date.now()
    await round().catch((error: unknown) =>
      say('error', `The list could not be applied: ${error instanceof Error ? error.message : error}`),
    )
    await new Promise(resolve =>
      setTimeout(resolve, Math.max(0, settings.intervalMs - (Date.now() - started))),
    )
  }
}
