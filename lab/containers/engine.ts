import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../wait.ts'
import { run } from './commands.ts'
import { engineFiles } from './engine-files.ts'

/** How a running engine is spoken to: the first words of each command. */
export interface Reach {
  docker: string[]
  compose: string[]
  /** Runs a program of this machine where the published ports are. */
  inNetwork: string[]
  /** Runs a program of this machine that sees processes by the engine's numbers. */
  inProcesses: string[]
}

/** An engine of the check's own. */
export interface Engine {
  reach: Reach
  stop(): Promise<void>
}

const inside = fileURLToPath(new URL('engine-inside.sh', import.meta.url))

/** A busy machine's first start. */
const startLimitMs = 60_000

/** dockerd ends its containers first. */
const stopLimitMs = 15_000

/** The cgroup above its containers' (engine-inside.sh). */
const cgroup = 'fleet2-containers'

/**
 * Starts Debian's engine in namespaces of its own, in which `folders` are at the same paths as here.
 *
 * - `network` "own": what runs there reaches nothing outside; its links, rules and ports go with it.
 * - "machine": builds reach the package registries; nothing can be published.
 *
 * It ends when this process does, however that ends. @throws with the engine's last words.
 */
export async function startEngine({ cache, network, folders }: {
  cache: string
  network: 'own' | 'machine'
  folders: string[]
}): Promise<Engine> {
  const root = await engineFiles(cache)
  await run(['cp', '-L', '/etc/resolv.conf', join(root, 'etc/resolv.conf')])
  const data = join(cache, 'data')
  mkdirSync(data, { recursive: true })
  const logFile = join(cache, `engine-${network}.log`)
  const log = openSync(logFile, 'w')
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', ...network === 'own' ? ['--net'] : []]
  const words = ['--pdeathsig', 'KILL', 'unshare', ...namespaces, inside, root, data, network, ...folders]
  // Of a session of its own: Ctrl-C is for this process, which takes everything down in good order.
  const outer = spawn('setpriv', words, { stdio: ['ignore', log, log], detached: true })
  const gone = new AbortController()
  outer.once('exit', () => gone.abort())
  const wait = { limitMs: startLimitMs, everyMs: 250, signal: gone.signal }
  try {
    const pid = await waitFor('its first process', () => firstChild(outer), wait)
    const enter = (...what: string[]) => ['nsenter', '--target', String(pid), ...what, '--']
    const client = [...enter('--mount', '--net'), 'docker']
    await waitFor('the engine to answer', () => run([...client, 'info'], { limitMs: 5_000 }), wait)
    const reach = {
      docker: client, compose: [...client, 'compose'], inNetwork: enter('--net'), inProcesses: enter('--pid'),
    }
    return { reach, stop: () => stopEngine(outer) }
  }
  catch (error) {
    await stopEngine(outer)
    const last = readFileSync(logFile, 'utf8').trim().split('\n').slice(-12).join('\n')
    throw new Error(`The engine did not start:\n${last}`, { cause: error })
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

function firstChild({ pid }: ChildProcess): number | null {
  const path = `/proc/${pid}/task/${pid}/children`
  return existsSync(path) ? Number(readFileSync(path, 'utf8').trim().split(' ')[0]) || null : null
}

/** In good order, then at once; the kernel ends what still runs in its namespaces. */
async function stopEngine(outer: ChildProcess): Promise<void> {
  if (!hasEnded(outer)) {
    const ended = once(outer, 'exit')
    const pid = firstChild(outer)
    if (pid) process.kill(pid, 'SIGTERM')
    const impatient = setTimeout(() => outer.kill('SIGKILL'), pid ? stopLimitMs : 0)
    await ended
    clearTimeout(impatient)
  }
  removeCgroups()
}

/** Empty ones that an engine which was killed has left. Those of processes that run cannot be removed. */
function removeCgroups(): void {
  const base = '/sys/fs/cgroup'
  if (!existsSync(base)) return
  const folders = readdirSync(base, { withFileTypes: true }).filter(entry => entry.isDirectory())
  for (const path of [base, ...folders.map(({ name }) => join(base, name))]) removeTree(join(path, cgroup))
}

function removeTree(path: string): void {
  if (!existsSync(path)) return
  const folders = readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory())
  for (const { name } of folders) removeTree(join(path, name))
  try {
    rmdirSync(path)
  }
  catch {
    // Somebody is in it.
  }
}

/** An engine that answers on this machine already; null: there is none. */
export function presentEngine(compose: string[]): (Reach & { version: string }) | null {
  const asked = ['version', '--format', '{{.Server.Version}}']
  const { status, stdout } = spawnSync('docker', asked, { encoding: 'utf8' })
  if (status !== 0 || !stdout.trim()) return null
  return { version: stdout.trim(), docker: ['docker'], compose, inNetwork: [], inProcesses: [] }
}

/** What the compose files have made in an engine, by the names that remove it. */
const kinds = [
  { list: ['ps', '--all'], name: '{{.Names}}', remove: ['rm', '--force', '--volumes'] },
  { list: ['volume', 'ls'], name: '{{.Name}}', remove: ['volume', 'rm'] },
  { list: ['network', 'ls'], name: '{{.Name}}', remove: ['network', 'rm'] },
]

async function namesOf({ docker }: Reach, { list, name }: (typeof kinds)[number]): Promise<string[]> {
  const of = ['--filter', 'label=com.docker.compose.project=fleet2', '--format', name]
  return (await run([...docker, ...list, ...of])).split('\n').filter(Boolean)
}

/** Names of the containers, volumes and networks that the compose files have made in it. */
export async function containersIn(reach: Reach): Promise<string[]> {
  return (await Promise.all(kinds.map(kind => namesOf(reach, kind)))).flat()
}

/** Removes these, with what is in them: for an engine of the check's own, whose last run was killed. */
export async function removeContainersIn(reach: Reach): Promise<void> {
  for (const kind of kinds) {
    const names = await namesOf(reach, kind)
    if (names.length) await run([...reach.docker, ...kind.remove, ...names])
  }
}
