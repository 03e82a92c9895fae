import { get, patientLimitMs, query, redisCommand } from '../watch/ask-servers.ts'
import { ask } from '../hosts/control.ts'
import { deliverAlerts } from '../deploy/deliver-alerts.ts'
import { fillDisk, makeRoom } from '../hosts/disk.ts'
import { inNode } from '../network/network.ts'
import { labDirectory } from '../place.ts'
import type { Plan } from '../hosts/plan.ts'
import { look } from '../watch/probes.ts'
import { readLogs } from '../watch/logs.ts'
import { labStatus } from '../watch/status.ts'
import { rollingDeploy } from '../deploy/rolling-deploy.ts'
import { switchover } from '../deploy/switchover.ts'
import type { Lab, LabNode, LabStatus, NodeName } from '../types.ts'
import { waitFor } from '../wait.ts'

/**
 * A node comes back in seconds; a PostgreSQL that must be rewound or copied anew needs longer on a slow
 * machine.
 */
const healthyLimitMs = 90_000

/** The verbs on a lab that runs. `down` is given by who can end it. */
export function createLab(plan: Plan, down: () => Promise<void>): Lab {
  const nodes = plan.nodes.map(({ units: _, ...node }): LabNode => node)
  const node = (name: NodeName) => {
    const found = nodes.find(other => other.name === name)
    if (!found)
      throw new Error(`There is no node "${name}". There are ${nodes.map(({ name }) => name).join(', ')}.`)
    return found
  }
  const nodesOf = (kind: LabNode['kind']) => nodes.filter(other => other.kind === kind)
  const { postgres } = plan.credentials

  const lab: Lab = {
    nodes,
    directory: labDirectory,
    credentials: plan.credentials,
    addresses: {
      ...plan.addresses,
      postgresUrl: name =>
        `postgresql://${postgres.user}:${postgres.password}@${node(name).address}:5432/${postgres.database}`,
      patroni: name => `http://${node(name).address}:8008`,
    },
    node,
    nodesOf,
    status: () => labStatus(plan),
    async healthy({ limitMs = healthyLimitMs, asynchronous = false } = {}) {
      let last: LabStatus | null = null
      return waitFor(
        'a healthy lab',
        async () => {
          last = await labStatus(plan, patientLimitMs, { asynchronous })
          if (!last.healthy) throw new Error(last.missing.join('; '))
          return last
        },
        { limitMs, everyMs: 250 },
      )
    },

    async postgresLeader() {
      const answers = await Promise.all(
        nodesOf('patroni').map(async ({ name, address }) => {
          // /leader is 200 for the holder of the key alone.
          const { status } = await get(`http://${address}:8008/leader`, { limitMs: 1_000 }).catch(() => ({
            status: 0,
          }))
          return status === 200 ? name : null
        }),
      )
      return answers.find(Boolean) ?? null
    },
    async syncStandby() {
      const answers = await Promise.all(
        nodesOf('patroni').map(async ({ name, address }) => {
          const { status } = await get(`http://${address}:8008/synchronous`, { limitMs: 1_000 }).catch(
            () => ({ status: 0 }),
          )
          return status === 200 ? name : null
        }),
      )
      return answers.find(Boolean) ?? null
    },
    async redisMaster() {
      const votes = await Promise.all(
        nodesOf('sentinel').map(({ name }) =>
          lab.redis(name, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'fleet-redis').then(
            answer => (answer as string[])[0] ?? null,
            () => null,
          ),
        ),
      )
      const counted = Map.groupBy(
        votes.filter(vote => vote !== null),
        vote => vote,
      )
      const [host] = [...counted].sort(([, a], [, b]) => b.length - a.length)[0] ?? []
      return (
        nodes.find(({ name, address, aliases }) => [name, address, ...aliases].includes(host ?? ''))?.name
        ?? null
      )
    },

    async crash(name, { restart = false } = {}) {
      await ask('crash', { node: name, restart })
    },
    kill: (name, process, signal = 'SIGKILL') => ask('kill', { node: name, process, signal }),
    async freeze(name, { unit } = {}) {
      await ask('freeze', { node: name, ...(unit ? { unit } : {}) })
    },
    async thaw(name) {
      await ask('thaw', { node: name })
    },
    async cut(name, { drop = false, from } = {}) {
      await ask('cut', { node: name, drop, ...(from ? { from } : {}) })
    },
    async slow(name, { delayMs = 200, lossPercent = 5 } = {}) {
      await ask('slow', { node: name, delayMs, lossPercent })
    },
    async slowDisk(name, { operationsPerSecond = 10 } = {}) {
      await ask('slowDisk', { node: name, operationsPerSecond })
    },
    async setClock(name, offsetSeconds) {
      await ask('setClock', { node: name, offsetSeconds })
    },
    async fillDisk(name, { leaveBytes = 0 } = {}) {
      await fillDisk(node(name).name, leaveBytes)
    },
    async heal(name) {
      await makeRoom(node(name).name)
      await ask('heal', { node: name })
    },
    async healAll() {
      for (const { name } of nodes) await lab.heal(name)
    },
    stop: (name, { limitMs } = {}) =>
      ask('stop', { node: name, ...(limitMs === undefined ? {} : { limitMs }) }),
    async drain(name) {
      if (node(name).kind !== 'app')
        throw new Error(
          `${name} is no instance of the application; stop, crash and restart are for the others`,
        )
      const since = Date.now()
      const exitCode = await ask('stop', { node: name })
      return { exitCode, seconds: (Date.now() - since) / 1000 }
    },
    async restart(name) {
      await ask('heal', { node: name })
      await ask('stop', { node: name })
      await ask('start', { node: name })
      await waitFor(
        `${name} to be healthy`,
        async () => {
          const { healthy, reason } = await look(node(name), plan, patientLimitMs)
          if (!healthy) throw new Error(reason ?? '')
          return true
        },
        { limitMs: healthyLimitMs },
      )
    },
    switchover: options => switchover(lab, options),
    rollingDeploy: options => rollingDeploy(lab, plan, options),
    deliverAlerts: to => deliverAlerts(plan, to),
    sql: (text, values = [], { node: name } = {}) =>
      query(name ? lab.addresses.postgresUrl(name) : lab.addresses.ownerUrl, text, values, {
        limitMs: 20_000,
      }),
    redis(name, ...command) {
      const { kind, address } = node(name)
      return redisCommand(address, kind === 'sentinel' ? 26379 : 6379, plan.credentials.redis, command)
    },
    run: (name, command, args) => inNode(node(name).name, command, args),
    logs: (name, { lines = 200 } = {}) => readLogs(plan, name, lines),
    down,
  }
  return lab
}
