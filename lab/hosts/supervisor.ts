import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { account } from './accounts.ts'
import { answerRequests, type Handlers } from './control.ts'
import { forgetWrongClocks, whyNoWrongClock, withRightClock, wrongClock } from '../faults/clock.ts'
import { joinCpuGroup } from './cpu.ts'
import { acceptPackets, dropPackets, setLink } from '../network/network.ts'
import { serversRoot } from '../debian/servers.ts'
import { controlSocket, labDirectory, locks, namespaceOf } from '../place.ts'
import { logFile, readPlan, type PlannedNode, type Unit } from './plan.ts'
import { commandName, freezeAll, killAll, pidsOf, processState, send, thawAll } from './processes.ts'
import { publishPorts } from '../network/publish.ts'
import { slowDisk } from '../faults/slow-disk.ts'
import { fastLink, slowLink } from '../faults/slow-link.ts'
import type { Hurt, NodeName, UnitStatus } from '../types.ts'
import { waitFor } from '../wait.ts'

/**
 * The lab's one long-running process: it starts the nodes' units, starts them again when they end by
 * themselves (Docker's `restart: unless-stopped`), and does to the nodes what the verbs ask. What hurts a
 * node is known here and nowhere else. It survives the terminal that started it, and ends with `ha:down`.
 */

/**
 * Docker's own figures: 100 ms, doubled each time up to a minute, begun anew after ten seconds of running.
 */
const firstPauseMs = 100
const longestPauseMs = 60_000
const settledMs = 10_000

const enter = fileURLToPath(new URL('enter.sh', import.meta.url))

interface RunningUnit {
  unit: Unit
  child: ChildProcess | null
  startedAt: number
  restarts: number
  pauseMs: number
  timer: NodeJS.Timeout | null
}

interface RunningNode {
  node: PlannedNode
  units: RunningUnit[]
  hurt: Set<Hurt>
  /** What runs on it is meant to run: an end is an accident. */
  wanted: boolean
  /** Seconds by which its wall clock is wrong. */
  clockOffset: number
}

const plan = readPlan()
const nodes = new Map<NodeName, RunningNode>(
  plan.nodes.map(node => [
    node.name,
    {
      node,
      hurt: new Set(),
      wanted: false,
      clockOffset: 0,
      units: node.units.map(unit => ({
        unit,
        child: null,
        startedAt: 0,
        restarts: 0,
        pauseMs: firstPauseMs,
        timer: null,
      })),
    },
  ]),
)

function find(name: NodeName): RunningNode {
  const found = nodes.get(name)
  if (!found) throw new Error(`There is no node "${name}". There are ${[...nodes.keys()].join(', ')}.`)
  return found
}

function say(text: string) {
  console.log(`${new Date().toISOString()} ${text}`)
}

function launch(running: RunningNode, entry: RunningUnit) {
  const { unit } = entry
  const { uid, gid } = account(unit.user)
  const log = openSync(logFile(unit.name), 'a', 0o644)
  // All replace themselves by what they start, so that the child's pid is the unit's own. A session of its
  // own: the terminal's signals do not reach it. The wrong clock comes last: what it keeps under the pid's
  // name would be root's, and the unit's user is refused it.
  const { clockOffset, node: { name } } = running
  const clock = clockOffset
    ? ['env', ...Object.entries(wrongClock(clockOffset)).map(pair => pair.join('='))]
    : []
  const becoming = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', ...clock]
  const entering = serversRoot === '/' ? [] : ['sh', enter, serversRoot, labDirectory]
  const child = spawn('ip', ['netns', 'exec', namespaceOf(name), ...entering, ...becoming, ...unit.command], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOSTNAME: name, ...unit.env },
  })
  closeSync(log)
  if (child.pid) joinCpuGroup(running.node.name, child.pid)
  entry.child = child
  entry.startedAt = Date.now()
  child.on('error', error => say(`${unit.name} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => void onExit(running, entry, child, signal ?? String(code)))
}

async function onExit(running: RunningNode, entry: RunningUnit, child: ChildProcess, how: string) {
  if (entry.child !== child) return
  entry.child = null
  // A container ends with its first process; so does what that has started.
  await killAll(running.node.name, running.units.length > 1 ? child.pid : undefined)
  if (!running.wanted) return
  if (Date.now() - entry.startedAt > settledMs) entry.pauseMs = firstPauseMs
  say(`${entry.unit.name} ended (${how}); started again in ${entry.pauseMs} ms`)
  entry.timer = setTimeout(() => {
    entry.timer = null
    if (!running.wanted) return
    entry.restarts++
    launch(running, entry)
  }, entry.pauseMs)
  entry.pauseMs = Math.min(longestPauseMs, entry.pauseMs * 2)
}

function start(running: RunningNode) {
  running.wanted = true
  running.hurt.delete('crashed')
  running.hurt.delete('stopped')
  for (const entry of running.units) {
    if (entry.timer) clearTimeout(entry.timer)
    entry.timer = null
    entry.pauseMs = firstPauseMs
    if (!entry.child) launch(running, entry)
  }
}

/** Nothing of it is started again by itself. */
function hold(running: RunningNode) {
  running.wanted = false
  for (const entry of running.units) {
    if (entry.timer) clearTimeout(entry.timer)
    entry.timer = null
  }
}

/** Resolves to the exit code of the node's first unit. */
async function stop(running: RunningNode, limitMs: number | undefined): Promise<number | null> {
  hold(running)
  if (running.hurt.delete('frozen')) await thawAll(running.node.name)
  const codes = await Promise.all(
    running.units.map(
      ({ child, unit }) =>
        new Promise<number | null>((resolve) => {
          if (!child || child.exitCode !== null || child.signalCode !== null) return resolve(null)
          const impatient = setTimeout(() => {
            say(`${unit.name} did not end within ${(limitMs ?? unit.graceMs) / 1000} s: killed`)
            child.kill('SIGKILL')
          }, limitMs ?? unit.graceMs)
          child.once('exit', (code) => {
            clearTimeout(impatient)
            resolve(code)
          })
          child.kill(unit.stopSignal)
        }),
    ),
  )
  await killAll(running.node.name)
  running.hurt.add('stopped')
  return codes[0] ?? null
}

/**
 * The processes of that name which no other one of the same name has started: the postmaster and not its
 * children.
 */
function firstOf(name: NodeName, process: string): number[] {
  const all = pidsOf(name).filter(pid => commandName(pid) === process.slice(0, 15))
  return all.filter(pid => !all.includes(processState(pid)?.parent ?? 0))
}

const handlers: Handlers = {
  status: () =>
    Object.fromEntries(
      [...nodes].map(([name, { units, hurt }]) => [
        name,
        {
          hurt: [...hurt],
          units: units.map(({ unit, child, startedAt, restarts }): UnitStatus => ({
            name: unit.name,
            pid: child?.pid ?? null,
            restarts,
            startedAt: child ? new Date(startedAt).toISOString() : null,
          })),
        },
      ]),
    ),
  start: ({ node }) => start(find(node)),
  stop: ({ node, limitMs }) => stop(find(node), limitMs),
  async crash({ node, restart }) {
    const running = find(node)
    if (!restart) hold(running)
    await killAll(node)
    running.hurt.delete('frozen')
    if (!restart) running.hurt.add('crashed')
  },
  kill({ node, process, signal }) {
    find(node)
    const pids = firstOf(node, process)
    if (pids.length === 0)
      throw new Error(
        `No process called "${process}" runs on ${node}; there are ${[...new Set(pidsOf(node).map(commandName))].join(', ') || 'none at all'}`,
      )
    for (const pid of pids) send(pid, signal as NodeJS.Signals)
    return pids
  },
  async freeze({ node, unit }) {
    const entry = unit ? find(node).units.find(other => other.unit.name === unit) : null
    if (unit && !entry?.child?.pid)
      throw new Error(
        `No unit "${unit}" runs on ${node}; there are ${find(node)
          .units.map(other => other.unit.name)
          .join(', ')}`,
      )
    await freezeAll(find(node).node.name, entry?.child?.pid)
    find(node).hurt.add('frozen')
  },
  async thaw({ node }) {
    await thawAll(find(node).node.name)
    find(node).hurt.delete('frozen')
  },
  async cut({ node, drop, from }) {
    const running = find(node)
    if (from) {
      await dropPackets(
        running.node,
        from.map(name => find(name).node),
      )
      running.hurt.add('partly cut')
      return
    }
    if (drop) await dropPackets(running.node, null)
    else await setLink(running.node, false)
    running.hurt.add('cut')
  },
  async slow({ node, delayMs, lossPercent }) {
    await slowLink(find(node).node, { delayMs, lossPercent })
    find(node).hurt.add('slow')
  },
  async slowDisk({ node, operationsPerSecond }) {
    await slowDisk(find(node).node, operationsPerSecond)
    find(node).hurt.add('disk slow')
  },
  async setClock({ node, offsetSeconds }) {
    const running = find(node)
    const reason = whyNoWrongClock(running.node)
    if (reason) throw new Error(reason)
    await stop(running, undefined)
    forgetWrongClocks()
    running.clockOffset = offsetSeconds
    running.hurt.add('clock off')
    start(running)
    // Whoever starts them is replaced by them: it takes a moment until each is itself.
    await waitFor(
      `everything on ${node} to go by the wrong clock`,
      () => {
        const right = withRightClock(node)
        if (right.length) throw new Error(`not yet: ${right.join(', ')}`)
        if (pidsOf(node).length === 0) throw new Error('nothing runs there; its log says why')
        return true
      },
      { limitMs: 10_000, everyMs: 100 },
    )
  },
  async heal({ node }) {
    const running = find(node)
    const { hurt } = running
    if (hurt.has('cut') || hurt.has('partly cut')) {
      await acceptPackets(running.node)
      await setLink(running.node, true)
      hurt.delete('cut')
      hurt.delete('partly cut')
    }
    if (hurt.delete('slow')) await fastLink(running.node)
    if (hurt.delete('disk slow')) await slowDisk(running.node, 0)
    if (hurt.delete('clock off')) {
      running.clockOffset = 0
      await stop(running, undefined)
    }
    if (hurt.has('frozen')) await thawAll(node)
    hurt.delete('frozen')
    if (hurt.has('crashed') || hurt.has('stopped')) start(running)
  },
  setUnits({ node, units }) {
    const running = find(node)
    if (running.units.some(({ child }) => child)) throw new Error(`${node} runs; stop it first`)
    running.units = units.map(unit => ({
      unit,
      child: null,
      startedAt: 0,
      restarts: running.units.find(old => old.unit.name === unit.name)?.restarts ?? 0,
      pauseMs: firstPauseMs,
      timer: null,
    }))
  },
  async shutdown() {
    for (const running of nodes.values()) hold(running)
    await Promise.all([...nodes.keys()].map(name => killAll(name)))
    setTimeout(() => {
      rmSync(controlSocket, { force: true })
      process.exit(0)
    }, 20)
  },
}

// A second supervisor ends here, before it has touched anything.
const lock = createServer(socket => socket.destroy())
lock.on('error', () => {
  say('Another supervisor runs: ending')
  process.exit(1)
})
lock.listen(locks.supervisor, async () => {
  rmSync(controlSocket, { force: true })
  process.umask(0o077)
  const control = createServer(socket => answerRequests(socket, handlers))
  control.listen(controlSocket, () => chmodSync(controlSocket, 0o600))
  await publishPorts(plan, say)
  say(`Supervising ${nodes.size} nodes`)
})
process.on('SIGHUP', () => {})
process.on('SIGTERM', () => void handlers.shutdown({} as never))
process.on('unhandledRejection', error =>
  say(`A mistake of the supervisor's own: ${error instanceof Error ? error.stack : error}`),
)
