import { parseArgs } from 'node:util'
import { installPackages } from '../tools/install-packages.ts'
import { installServers } from './debian/install.ts'
import { followLogs } from './watch/follow-logs.ts'
import { refuseIfKept } from './life/keeper.ts'
import { connectLab, downLab, PreflightError, upLab } from './lab.ts'
import { progressPrinter } from './watch/progress.ts'
import { printAddresses, statusTable } from './watch/print.ts'
import type { Lab } from './types.ts'

/** `npm run ha -- VERB …`, and `npm run ha:VERB -- …` for the frequent ones. */
const verbs: Record<string, { usage: string, help: string, run: (args: string[]) => Promise<void> }> = {
  'install': {
    usage: 'install',
    help: 'installs the Debian packages it needs; with FLEET2_LAB_DEBIAN=trixie makes its hosts\' files too',
    async run() {
      installPackages()
      await installServers()
      console.log('Everything that the lab needs is installed.')
    },
  },
  'up': {
    usage: 'up',
    help: 'brings the whole stack up',
    async run() {
      const lab = await upLab({ onProgress: progressPrinter() })
      console.log(printAddresses(lab))
    },
  },
  'status': {
    usage: 'status [--watch] [--json]',
    help: 'every node: role, timeline, lag, health, pid, restarts',
    async run(args) {
      const { values } = parseArgs({
        args,
        options: { watch: { type: 'boolean', short: 'w' }, json: { type: 'boolean' } },
      })
      const lab = await connectLab()
      do {
        const status = await lab.status()
        if (values.json) console.log(JSON.stringify(status, null, 2))
        else console.log(`${values.watch ? '\x1B[2J\x1B[H' : ''}${statusTable(status)}`)
        if (!values.watch) process.exitCode = status.healthy ? 0 : 1
        else await new Promise(resolve => setTimeout(resolve, 1_000))
      } while (values.watch)
    },
  },
  'addresses': {
    usage: 'addresses',
    help: 'where everything answers, and how to sign in',
    async run() {
      console.log(printAddresses(await connectLab()))
    },
  },
  'down': {
    usage: 'down',
    help: 'ends it and leaves nothing',
    async run() {
      const removed = await downLab()
      console.log(removed.length ? `Removed: ${removed.join(', ')}` : 'There was nothing to remove.')
    },
  },
  'logs': {
    usage: 'logs NODE [--lines 200] [--follow]',
    help: 'what the node has printed',
    async run(args) {
      const {
        values,
        positionals: [name],
      } = parseArgs({
        args,
        allowPositionals: true,
        options: { lines: { type: 'string', default: '200' }, follow: { type: 'boolean', short: 'f' } },
      })
      const lab = await connectLab()
      console.log((await lab.logs(needed(lab, name), { lines: Number(values.lines) })).trimEnd())
      if (values.follow) await followLogs(name!)
    },
  },
  'crash': {
    usage: 'crash NODE [--restart] [--only PROCESS]',
    help: 'kill -9 of everything on it, or of one process; it stays down unless told otherwise',
    async run(args) {
      const {
        values,
        positionals: [name],
      } = parseArgs({
        args,
        allowPositionals: true,
        options: { restart: { type: 'boolean' }, only: { type: 'string' } },
      })
      const lab = await connectLab()
      const node = needed(lab, name)
      if (values.only) {
        const pids = await lab.kill(node, values.only)
        console.log(
          `Killed ${values.only} (${pids.join(', ')}) on ${node}; whoever watches it starts it again. See npm run ha:status.`,
        )
        return
      }
      await lab.crash(node, { restart: values.restart ?? false })
      console.log(
        values.restart
          ? `Killed everything on ${node}; the supervisor starts it again.`
          : `Killed everything on ${node}. It stays down until: npm run ha -- heal ${node}`,
      )
      console.log(whatToLookAt(lab, node))
    },
  },
  'freeze': verb(
    'freeze NODE',
    'SIGSTOP: it keeps its connections and answers nothing',
    async (lab, node) => {
      await lab.freeze(node)
      return `Everything on ${node} stands still until: npm run ha -- thaw ${node}\n${whatToLookAt(lab, node)}`
    },
  ),
  'thaw': verb('thaw NODE', 'SIGCONT', async (lab, node) => {
    await lab.thaw(node)
    return `${node} goes on, and learns what happened meanwhile. ${whatToLookAt(lab, node)}`
  }),
  'cut': {
    usage: 'cut NODE [--drop] [--from NODE,NODE]',
    help: 'pulls its cable; or drops packets in silence; or only between it and some',
    async run(args) {
      const {
        values,
        positionals: [name],
      } = parseArgs({
        args,
        allowPositionals: true,
        options: { drop: { type: 'boolean' }, from: { type: 'string' } },
      })
      const lab = await connectLab()
      const node = needed(lab, name)
      const from = values.from?.split(',')
      await lab.cut(node, { drop: values.drop ?? false, ...(from ? { from } : {}) })
      console.log(
        `${node} is cut off from ${from?.join(', ') ?? 'everybody'} until: npm run ha -- heal ${node}\n${whatToLookAt(lab, node)}`,
      )
    },
  },
  'heal': {
    usage: 'heal NODE | heal --all',
    help: 'takes back whatever was done to it: plugs in, thaws, starts; waits until all is well',
    async run(args) {
      const {
        values,
        positionals: [name],
      } = parseArgs({ args, allowPositionals: true, options: { all: { type: 'boolean' } } })
      const lab = await connectLab()
      const since = Date.now()
      if (values.all) await lab.healAll()
      else await lab.heal(needed(lab, name))
      await lab.healthy()
      console.log(`All healthy ${seconds(since)} later.`)
    },
  },
  'restart': verb(
    'restart NODE',
    'stops it in good order, starts it, waits until it is healthy',
    async (lab, node) => {
      const since = Date.now()
      await lab.restart(node)
      return `${node} is healthy again after ${seconds(since)}.`
    },
  ),
  'stop': verb(
    'stop NODE',
    'in good order, and leaves it down',
    async (lab, node) =>
      `${node} ended with exit code ${await lab.stop(node)}. Start it with: npm run ha -- heal ${node}`,
  ),
  'drain': verb(
    'drain APP',
    'SIGTERM to an instance: requests in flight finish; leaves it down',
    async (lab, node) => {
      const { exitCode, seconds } = await lab.drain(node)
      return `${node} drained in ${seconds.toFixed(1)} s, exit code ${exitCode}. Start it with: npm run ha -- heal ${node}`
    },
  ),
  'switchover': {
    usage: 'switchover [NODE] [--no-pause]',
    help: 'the leader\'s role moves in good order, inside PgBouncer\'s PAUSE',
    async run(args) {
      const {
        values,
        positionals: [to],
      } = parseArgs({ args, allowPositionals: true, options: { 'no-pause': { type: 'boolean' } } })
      const lab = await connectLab()
      const moved = await lab.switchover({ ...(to ? { to } : {}), pause: !values['no-pause'] })
      console.log(
        `${moved.from} handed the leader's role to ${moved.to} in ${moved.seconds.toFixed(1)} s. npm run ha:status shows the new timeline.`,
      )
    },
  },
  'rolling-deploy': {
    usage: 'rolling-deploy',
    help: 'every instance in turn: drained, started from the present build, waited for',
    async run() {
      const lab = await connectLab()
      for (const { name, seconds } of await lab.rollingDeploy())
        console.log(`${name}  ${seconds.toFixed(1)} s`)
    },
  },
}

function verb(usage: string, help: string, work: (lab: Lab, node: string) => Promise<string>) {
  return { usage, help, async run([name]: string[]) {
    const lab = await connectLab()
    console.log(await work(lab, needed(lab, name)))
  } }
}

function needed(lab: Lab, name: string | undefined): string {
  if (!name)
    throw new PreflightError([`Which node? There are ${lab.nodes.map(({ name }) => name).join(', ')}.`])
  return lab.node(name).name
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

function whatToLookAt(lab: Lab, node: string): string {
  const places: Record<string, string> = {
    etcd: 'Look at ha:status: with two of three nothing else changes.',
    patroni:
      'Look at ha:status (role, timeline), or at /cluster of any Patroni: a primary is replaced within some seconds.',
    haproxy: 'Look at its statistics, and at /api/health of an instance: PgBouncer uses the other one.',
    pgbouncer: 'Look at /api/health of an instance: it uses the other one of the pool.',
    redis: 'Look at ha:status: a master is replaced by the Sentinels within some seconds.',
    sentinel: 'Look at ha:status: two of three are a quorum.',
    app: 'Look at X-Fleet2-Instance of the answers through Nginx: the others serve.',
    nginx: 'People use the other Nginx; ha:addresses lists both.',
  }
  return places[lab.node(node).kind] ?? ''
}

function help(): string {
  const width = Math.max(...Object.values(verbs).map(({ usage }) => usage.length))
  return `The whole HA stack on this machine, without Docker (docs/lab.md).\n\nnpm run ha -- VERB   (--force: although a program that brought the lab up still uses it)\n\n${Object.values(
    verbs,
  )
    .map(({ usage, help }) => `  ${usage.padEnd(width)}  ${help}`)
    .join('\n')}\n`
}

/** What hurts a lab that a drill or a test is using would be counted as its finding. These only look. */
const harmless = ['install', 'up', 'status', 'addresses', 'logs', 'down']

const [name = '', ...rest] = process.argv.slice(2)
const force = rest.includes('--force')
const args = rest.filter(arg => arg !== '--force')
// An ha:up that is interrupted takes down what it has begun.
process.on('SIGINT', () => void (name === 'up' ? downAfterInterrupt() : process.exit(130)))
process.on('SIGTERM', () => void (name === 'up' ? downAfterInterrupt() : process.exit(143)))

async function downAfterInterrupt() {
  console.error('\nInterrupted: taking down what was begun …')
  const { removeLab } = await import('./life/down.ts')
  await removeLab().catch(error => console.error(String(error)))
  // Once more for what was being made at that moment.
  await new Promise(resolve => setTimeout(resolve, 500))
  await removeLab().catch(error => console.error(String(error)))
  process.exit(130)
}

const chosen = verbs[name]
if (!chosen) {
  console.log(help())
  process.exit(name === '' || ['help', '--help', '-h'].includes(name) ? 0 : 2)
}
try {
  if (!force && !harmless.includes(name)) refuseIfKept()
  await chosen.run(args)
  // Whatever still keeps connections open is of no interest.
  process.exit()
}
catch (error) {
  console.error(
    error instanceof PreflightError
      ? error.reasons.map(reason => `✘ ${reason}`).join('\n')
      : error instanceof Error
        ? `✘ ${error.message}`
        : error,
  )
  process.exit(error instanceof PreflightError ? 2 : 1)
}
