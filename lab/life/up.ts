import { spawn } from 'node:child_process'
import { existsSync, openSync, closeSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildIfNeeded } from '../../tools/build.ts'
import { patientLimitMs, query } from '../watch/ask-servers.ts'
import { createLab } from './connected.ts'
import { markServersUsed } from '../debian/servers.ts'
import { ask } from '../hosts/control.ts'
import { makeCpuGroups } from '../hosts/cpu.ts'
import { madeNetnsFile, removeLab, supervisorPidFile } from './down.ts'
import { makeMonitorRole } from '../deploy/exporters.ts'
import { isTaken, takeLock } from './lock.ts'
import { readLogs } from '../watch/logs.ts'
import { makeNetwork } from '../network/network.ts'
import { controlSocket, labDirectory, labName, locks, planFile, projectRoot } from '../place.ts'
import type { Plan } from '../hosts/plan.ts'
import { checkPrerequisites } from './preflight.ts'
import { prepareDatabase, seedDemo } from '../deploy/prepare-database.ts'
import { look, type Sighting } from '../watch/probes.ts'
import { PreflightError } from './preflight-error.ts'
import { labStatus } from '../watch/status.ts'
import { makePlan } from '../deploy/units.ts'
import type { Lab, NodeKind, UpOptions } from '../types.ts'
import { waitFor } from '../wait.ts'

/**
 * All healthy took 10 to 20 s on two cores; a machine that is busy with something else takes a few times
 * that.
 */
const standardLimitMs = 120_000

/**
 * Brings the whole stack up from nothing and resolves when everything in it is healthy. Only one lab of a
 * name runs on a machine at a time. What an earlier lab left behind when it was killed is removed first; on
 * failure nothing of this one stays.
 * @throws {PreflightError} with every reason at once where this machine cannot have one; an Error with the
 * last lines of the failing unit's log where it did not come up.
 */
export async function upLab(asked: UpOptions = {}): Promise<Lab> {
  const { onProgress = () => {}, limitMs = standardLimitMs, ...options } = asked
  const reasons = await checkPrerequisites()
  if (reasons.length) throw new PreflightError(reasons)
  const lock = await takeLock(locks.change)
  if (!lock) throw new PreflightError(['Another ha:up or ha:down is at work on this machine at this moment.'])
  let since = Date.now()
  const say = (node: string | null, state: Parameters<typeof onProgress>[0]['state'], text: string) =>
    onProgress({ atMs: Date.now() - since, node, state, text })
  try {
    if (existsSync(labDirectory)) say(null, 'making', 'Removing what an earlier lab left behind')
    await removeLab()
    await buildIfNeeded()
    // What a build takes is not the lab's.
    since = Date.now()
    const plan = await make(options, say)
    try {
      await bringUp(plan, { limitMs, exporters: options.exporters ?? false, say })
    }
    catch (error) {
      throw await withLogs(plan, error)
    }
    say(null, 'done', 'All healthy')
    return createLab(plan, async () => {
      const again = await takeLock(locks.change)
      if (!again)
        throw new PreflightError(['Another ha:up or ha:down is at work on this machine at this moment.'])
      await removeLab().finally(() => again.release())
    })
  }
  catch (error) {
    await removeLab().catch(() => {})
    throw error
  }
  finally {
    await lock.release()
  }
}

type Say = (
  node: string | null,
  state: 'making' | 'starting' | 'healthy' | 'failed' | 'done',
  text: string,
) => void

/**
 * Everything that stands before the first process runs: folders, secrets, configuration, network, supervisor.
 */
async function make(options: UpOptions, say: Say): Promise<Plan> {
  const { appEnv = {}, without = [], exporters = false, postgresDiskMb } = options
  say(null, 'making', 'Configuration from deploy/, secrets and a certificate')
  await mkdir(join(labDirectory, 'log'), { recursive: true })
  // Each server's user passes through; what is secret is closed further down.
  if (!existsSync('/run/netns')) await writeFile(madeNetnsFile, '')
  markServersUsed()
  const plan = await makePlan({ appEnv, without, exporters, postgresDiskMb })
  await writeFile(planFile, JSON.stringify(plan), { mode: 0o600 })
  say(null, 'making', `${plan.nodes.length} hosts: network namespaces`)
  await makeNetwork(plan.nodes)
  const withoutGroups = await makeCpuGroups(plan.nodes)
  if (withoutGroups)
    say(
      null,
      'making',
      `No CPU group for each host (${withoutGroups}): a host with many processes slows the others`,
    )
  const log = openSync(join(labDirectory, 'log/supervisor.log'), 'a', 0o644)
  // Its argument says in a list of processes whose it is.
  const supervisor = spawn(process.execPath, ['hosts/supervisor.ts', labDirectory], {
    cwd: join(projectRoot, 'lab'),
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: process.env.PATH, FLEET2_LAB: labName, FLEET2_LAB_DEBIAN: process.env.FLEET2_LAB_DEBIAN,
    },
  })
  closeSync(log)
  supervisor.unref()
  await writeFile(supervisorPidFile, String(supervisor.pid))
  await waitFor(
    'the lab\'s supervisor',
    async () => existsSync(controlSocket) && (await isTaken(locks.supervisor)),
    { limitMs: 15_000, everyMs: 20 },
  )
  return plan
}

interface BringUp {
  limitMs: number
  exporters: boolean
  say: Say
}

/** Starts the nodes in their order: whoever needs another one comes after it. */
async function bringUp(plan: Plan, { limitMs, exporters, say }: BringUp): Promise<void> {
  const until = Date.now() + limitMs
  const left = () => Math.max(1_000, until - Date.now())
  const of = (...kinds: NodeKind[]) => plan.nodes.filter(({ kind }) => kinds.includes(kind))
  const started = async (...kinds: NodeKind[]) => {
    await Promise.all(of(...kinds).map(async ({ name }) => {
      say(name, 'starting', 'started')
      await ask('start', { node: name })
    }))
  }
  const well = async (kind: NodeKind, wanted: (sighting: Sighting) => unknown = ({ healthy }) => healthy) => {
    await Promise.all(of(kind).map(async (node) => {
      const sighting = await waitFor(node.name, async () => {
        const seen = await look(node, plan, patientLimitMs)
        if (!wanted(seen)) throw new Error(seen.reason ?? 'not yet')
        return seen
      }, { limitMs: left(), everyMs: 150 })
      say(node.name, 'healthy', sighting.role ?? 'healthy')
    }))
  }

  const database = (async () => {
    await started('etcd')
    await well('etcd')
    await started('patroni')
    await waitFor(
      'a PostgreSQL leader behind HAProxy',
      () => query(plan.addresses.ownerUrl.replace(/\/[^/]*$/, '/postgres'), 'SELECT 1'),
      { limitMs: left(), everyMs: 150 },
    )
    say(null, 'making', 'PostgreSQL has a leader: the database and its schema')
    await prepareDatabase(plan)
    if (exporters) await makeMonitorRole(plan)
    await seedDemo(plan)
    await started('app')
    await Promise.all([well('patroni'), well('pgbouncer')])
  })()
  const redis = (async () => {
    await started('redis')
    await well('redis')
    await started('sentinel')
    await well('sentinel')
  })()
  const others = (async () => {
    await started('haproxy', 'pgbouncer', 'nginx', 'prometheus', 'alertmanager')
    await Promise.all([well('haproxy'), well('nginx'), well('prometheus'), well('alertmanager')])
  })()
  await allOrFirstFailure([database, redis, others])
  await well('app')
  await waitFor('everything to be healthy', async () => {
    const { healthy, missing } = await labStatus(plan, patientLimitMs)
    if (!healthy) throw new Error(missing.join('; '))
    return true
  }, { limitMs: left(), everyMs: 200 })
}

async function allOrFirstFailure(work: Promise<void>[]): Promise<void> {
  for (const each of work) each.catch(() => {})
  await Promise.all(work)
}

/** Lines of each log that are shown. */
const tailLines = 25

/** The error with what the nodes that are not well printed last. */
async function withLogs(plan: Plan, error: unknown): Promise<Error> {
  const message = error instanceof Error ? error.message : String(error)
  const ill = await Promise.all(plan.nodes.map(async node => ({ node, sighting: await look(node, plan) })))
  const supervised = await ask('status', {}).catch(() => null)
  const named = ill.filter(
    ({ node, sighting }) =>
      !sighting.healthy
      && (message.includes(node.name)
        || (supervised?.[node.name]?.units.some(({ restarts }) => restarts > 0) ?? false)),
  )
  const tails = await Promise.all(
    named
      .slice(0, 4)
      .map(
        async ({ node, sighting }) =>
          `\n── ${node.name}: ${sighting.reason}\n${(await readLogs(plan, node.name, tailLines)).trim() || '(it has printed nothing)'}`,
      ),
  )
  const quiet = ill
    .filter(({ node, sighting }) => !sighting.healthy && !named.some(other => other.node === node))
    .map(({ node, sighting }) => `${node.name} ${sighting.reason}`)
  return new Error(
    `The lab did not come up. ${message}${quiet.length ? `\nAlso not healthy: ${quiet.join('; ')}` : ''}${tails.join('')}`,
  )
}
