import { fork, type ChildProcess } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEmbeddedPostgres } from '../../../server/database/embedded.ts'
import { migrate } from '../../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../../server/database/migrations.ts'
import { pino } from 'pino'
import { createSessions } from '../../../server/identity/sessions.ts'
import { openRedisClient } from '../../../server/redis/redis.ts'
import { maxStreamsPerSession } from '../../../server/edge/live/stream-watch.ts'
import { signUp, type SignedUp } from '../../support/client.ts'
import { startSentinelCluster, type SentinelCluster } from '../../support/sentinel.ts'
import { startServer } from '../../support/server.ts'
import type { ClientsReport, ClientsTask } from './clients.ts'

/**
 * `npm run bench:live [-- --write]`: a thousand listeners on one instance while another publishes 40 and 200
 * events a second, in peace and while Redis's master is killed; beside socket.io with its Redis adapter, on
 * the same Redis cluster, in the same run. Ratios count.
 */
const clients = Number(process.env.BENCH_CLIENTS ?? 1_000)
/** Events a second: one that two cores hold with either, and the one that is promised. */
const rates = (process.env.BENCH_RATES ?? '40,200').split(',').map(Number)
let rate = rates[0]!
const seconds = Number(process.env.BENCH_SECONDS ?? 15)
/** With a master that is killed after a third of it: the failover takes about 5 s (down-after 3 s). */
const killSeconds = 2 * seconds
/** What has not come this long after the last event is lost. */
const patienceSeconds = 30

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function start(file: string, args: string[]): ChildProcess {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}
const message = <T>(child: ChildProcess) => new Promise<T>((resolve, reject) => {
  const ended = (code: number | null) => reject(new Error(`A process of the benchmark ended with ${code}`))
  child.once('exit', ended).once('message', (value) => {
    child.off('exit', ended)
    resolve(value as T)
  })
})
async function stop(...ending: ChildProcess[]) {
  await Promise.all(ending.map(child => new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(null)
    child.once('exit', resolve)
    child.kill('SIGKILL')
  })))
}

/** Processor seconds so far, and resident MiB. */
async function usage(pid: number) {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // USER_HZ is 100 on every Linux that runs Node.
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
    mib: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
  }
}

interface Figures extends ClientsReport { expected: number, cpuMsPerThousand: number, kibPerClient: number }

/** One measurement: listeners at `port` of the process `pid`, and events from `publisher`. */
async function measure({ kind, port, pid, cookies, publisher, events, during }: {
  kind: ClientsTask['kind']
  port: number
  pid: number
  cookies: string[]
  publisher: ChildProcess
  events: number
  during?: () => Promise<unknown>
}): Promise<Figures> {
  const before = await usage(pid)
  const task: ClientsTask = { kind, port, clients, cookies, events }
  const listeners = start('clients.ts', [JSON.stringify(task)])
  await message(listeners)
  await pause(1_000)
  const begun = await usage(pid)
  publisher.send('go')
  const published = message(publisher)
  if (during) {
    await pause(events / rate * 1000 / 3)
    await during()
  }
  await published
  let report: ClientsReport
  const until = Date.now() + patienceSeconds * 1000
  do {
    await pause(500)
    listeners.send('report')
    report = await message<ClientsReport>(listeners)
  } while (report.delivered < clients * events && Date.now() < until)
  const ended = await usage(pid)
  await stop(listeners, publisher)
  return {
    ...report, expected: clients * events,
    cpuMsPerThousand: (ended.cpu - begun.cpu) * 1e6 / report.delivered,
    kibPerClient: (ended.mib - before.mib) * 1024 / clients,
  }
}

async function benchOurs(cluster: SentinelCluster, postgres: { servingUrl: string }, withKill: boolean) {
  const { env, name: _, ...connection } = await cluster.view()
  const server = await startServer({
    env: {
      NUXT_DATABASE_URL: postgres.servingUrl,
      NUXT_LOG_LEVEL: 'error',
      NUXT_MAX_EVENT_STREAMS: String(clients + 10),
      ...env,
    },
  })
  const user = await signUp(server.url)
  const cookies = await sessionsOf(user, connection)
  const events = rate * (withKill ? killSeconds : seconds)
  const publisher = start('publisher.ts', [
    postgres.servingUrl,
    JSON.stringify(connection),
    user.session.organisation!.id,
    String(events),
    String(rate),
  ])
  await message(publisher)
  const figures = await measure({
    kind: 'sse',
    port: Number(new URL(server.url).port),
    pid: server.pid,
    cookies,
    publisher,
    events,
    ...(withKill ? { during: () => killMaster(cluster) } : {}),
  })
  await server.stop()
  return figures
}

/**
 * Cookies of as many sessions as the listeners need: one holds only so many streams. Not by signing in:
 * hashing would take a minute.
 */
async function sessionsOf(
  user: SignedUp,
  connection: Omit<Awaited<ReturnType<SentinelCluster['view']>>, 'env' | 'name'>,
): Promise<string[]> {
  const redis = openRedisClient({ ...connection, log: pino({ level: 'silent' }) })
  const sessions = createSessions(redis, {
    idleSeconds: 3_600,
    absoluteSeconds: 86_400,
    proofSeconds: 3_600,
    passwords: ['a-password-for-tests-of-at-least-32-characters'],
  })
  const [name] = /^\S*fleet2-session/.exec(user.cookie())!
  const begun = await Promise.all(
    Array.from({ length: Math.ceil(clients / maxStreamsPerSession) }, () =>
      sessions.begin({
        userId: user.session.user.id,
        organisationId: user.session.organisation!.id,
        ipAddress: '',
        userAgent: '',
        revocationsUpTo: 0,
      }),
    ),
  )
  await redis.close()
  return begun.map(({ secret }) => `${name}=${secret}`)
}

async function benchSocketIo(cluster: SentinelCluster, withKill: boolean) {
  const { sentinels, sentinelName, natMap } = await cluster.view()
  const options = JSON.stringify({
    sentinels,
    name: sentinelName,
    natMap,
    password: cluster.password,
    sentinelPassword: cluster.sentinelPassword,
  })
  const events = rate * (withKill ? killSeconds : seconds)
  const [hub, publisher] = ['hub', 'publisher'].map(role =>
    start('socketio.ts', [role, options, String(events), String(rate)]),
  )
  const [{ port }] = await Promise.all([message<{ port: number }>(hub!), message(publisher!)])
  await pause(1_000)
  const figures = await measure({
    kind: 'socket.io',
    port,
    pid: hub!.pid!,
    cookies: [],
    publisher: publisher!,
    events,
    ...(withKill ? { during: () => killMaster(cluster) } : {}),
  })
  await stop(hub!)
  return figures
}

async function killMaster(cluster: SentinelCluster) {
  const master = await cluster.master()
  await master.kill()
}

async function mend(cluster: SentinelCluster) {
  await cluster.startAll()
  await cluster.whole()
}

const folder = await mkdtemp(join(tmpdir(), 'fleet2-bench-live-'))
await chmod(folder, 0o755)
const postgres = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, tcp: true })
const cluster = await startSentinelCluster({ downAfterMs: 3_000 })
const lines: string[] = []
try {
  await migrate({
    ...postgres,
    migrations: await migrationsFromFolder(
      fileURLToPath(new URL('../../../server/database/migrations', import.meta.url)),
    ),
  })
  for (const [next, withKill] of rates.flatMap(one => [[one, false], [one, true]] as const)) {
    rate = next
    const ours = await benchOurs(cluster, postgres, withKill)
    if (withKill) await mend(cluster)
    const theirs = await benchSocketIo(cluster, withKill)
    if (withKill) await mend(cluster)
    const scene
      = `${rate}/s, `
        + (withKill
          ? `master killed after ${Math.round(killSeconds / 3)} of ${killSeconds} s`
          : `${seconds} s in peace`)
    const row = (name: string, figures: Figures) =>
      `| ${scene} | ${name} | ${((figures.delivered / figures.expected) * 100).toFixed(figures.delivered === figures.expected ? 0 : 2)} % | ${figures.p50} ms | ${figures.p99} ms | ${figures.cpuMsPerThousand.toFixed(1)} ms | ${Math.round(figures.kibPerClient)} KiB | ${figures.resyncs} | ${figures.duplicates} |`
    const ratio = (a: number, b: number) => (a / b).toFixed(2)
    lines.push(
      row('Fleet2', ours),
      row('socket.io', theirs),
      `| ${scene} | **ratio** | ${ratio(ours.delivered, theirs.delivered)} | ${ratio(ours.p50, theirs.p50)} | ${ratio(ours.p99, theirs.p99)} | ${ratio(ours.cpuMsPerThousand, theirs.cpuMsPerThousand)} | ${ratio(ours.kibPerClient, theirs.kibPerClient)} | | |`,
    )
    console.log(lines.slice(-3).join('\n'))
  }
}
finally {
  await cluster.stop()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

const table = [
  '| scene | | delivered | p50 | p99 | processor for 1,000 deliveries | memory a client | resyncs | twice |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ...lines,
].join('\n')
const head = `${clients} listeners on one instance, events from another, ${rates.map(one => `${one} a second (${(clients * one).toLocaleString('en')} deliveries/s)`).join(' and ')}, ${cpus().length} shared cores; listeners, publisher, Redis and PostgreSQL on the same machine.`
console.log(`\n${head}\n\n${table}`)
if (process.argv.includes('--write')) {
  const page = fileURLToPath(new URL('../../../docs/live-events.md', import.meta.url))
  const text = await readFile(page, 'utf8')
  await writeFile(
    page,
    text.replace(/(<!-- bench:begin -->\n)[\s\S]*(<!-- bench:end -->)/, `$1\n${head}\n\n${table}\n\n$2`),
  )
}
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()
