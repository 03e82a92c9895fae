import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { deployCopy } from '../../../lab/deploy/files.ts'
import type { Lab, NodeKind, NodeName } from '../../../lab/types.ts'
import { waitFor } from '../../../lab/wait.ts'

/** A fault that stands. */
export interface Hurt {
  /** Which nodes, in words for the report. */
  what: string
  /**
   * Takes it back. Resolves when what was taken away is there again, not when all is whole: that is looked
   * for separately.
   */
  heal(): Promise<unknown>
}

/** Does harm to a whole lab, and knows how to take it back. */
export type Injector = (lab: Lab) => Promise<Hurt>

/**
 * Which nodes: asked when the fault begins, because roles move from scenario to scenario. @throws when there
 * is none.
 */
export type Choice = (lab: Lab) => Promise<NodeName[]>

const healing = (lab: Lab, nodes: NodeName[]) => () => Promise.all(nodes.map(node => lab.heal(node)))
const named = (nodes: NodeName[]) => nodes.join(', ')

// Which
// ----------------------------------------------------------------------------------------------------

function some(found: NodeName | null | undefined, what: string): NodeName[] {
  if (!found) throw new Error(`There is no ${what} to hurt`)
  return [found]
}

/** The node of that name. */
export const node = (name: NodeName): Choice => async lab => [lab.node(name).name]
/** The first so many of a kind. */
export const first
  = (kind: NodeKind, count = 1): Choice =>
    async lab =>
      lab
        .nodesOf(kind)
        .slice(0, count)
        .map(({ name }) => name)
export const last
  = (kind: NodeKind): Choice =>
    async lab =>
      lab
        .nodesOf(kind)
        .slice(-1)
        .map(({ name }) => name)
export const every = (kind: NodeKind): Choice => async lab => lab.nodesOf(kind).map(({ name }) => name)
export const primary: Choice = async lab => some(await lab.postgresLeader(), 'PostgreSQL primary')
export const syncStandby: Choice = async lab => some(await lab.syncStandby(), 'synchronous standby')
export const replicas: Choice = async (lab) => {
  const [leader] = await primary(lab)
  return lab.nodesOf('patroni').map(({ name }) => name).filter(name => name !== leader)
}
/** The Nginx host that holds the address which people come to. */
export const addressHolder: Choice = async (lab) => {
  const address = new URL(lab.addresses.people[0]!).hostname
  const holding = await Promise.all(
    lab
      .nodesOf('nginx')
      .map(async ({ name }) =>
        (await lab.run(name, 'ip', ['-4', 'address', 'show', 'dev', 'eth0'])).includes(` ${address}/`)
          ? name
          : null,
      ),
  )
  return some(holding.find(Boolean), 'Nginx that holds the address of people')
}
/**
 * The Nginx that people's address does not lead to at present: earlier faults decide which of the two it is.
 */
export const spareNginx: Choice = async (lab) => {
  const [holder] = await addressHolder(lab)
  return some(
    lab.nodesOf('nginx').find(({ name }) => name !== holder)?.name,
    'Nginx beside the one that people use',
  )
}
export const redisMaster: Choice = async lab => some(await lab.redisMaster(), 'Redis master')
/** By what the status says of its role: the etcd leader, for example. */
export const withRole = (kind: NodeKind, role: string): Choice => async (lab) => {
  const { nodes } = await lab.status()
  return some(
    nodes.find(found => found.kind === kind && found.role === role)?.name,
    `${kind} with the role ${role}`,
  )
}

// What
// ----------------------------------------------------------------------------------------------------

/** kill -9 of everything on the nodes, all at once. */
export const crash = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.crash(name)))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** The same, and the supervisor starts them again at once, as a container's restart policy does. */
export const crashAndRestart = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.crash(name, { restart: true })))
  return { what: named(nodes), heal: async () => {} }
}

/** kill -9 of one process; who watches over it starts it again. */
export const kill = (pick: Choice, process: string): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.kill(name, process)))
  return { what: `${process} on ${named(nodes)}`, heal: healing(lab, nodes) }
}

/** SIGSTOP: connections stay, nothing is answered. Healing thaws. */
export const freeze = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.freeze(name)))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/**
 * One process tree of the host stands still, and what else is on it does not: an Nginx beside its keepalived.
 */
export const freezeUnit = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.freeze(name, { unit: name })))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** The whole host stands still, its kernel too: nothing is answered, and nothing is even taken. */
export const freezeHost = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(async (name) => {
    await lab.cut(name, { drop: true })
    await lab.freeze(name)
  }))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/**
 * The host has lost its power: nobody hears of it again, and nothing refuses. (A process that is killed has a
 * kernel that says goodbye.)
 */
export const vanish = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(async (name) => {
    await lab.cut(name, { drop: true })
    await lab.crash(name)
  }))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** What they send is late, and some of it lost. */
export const slow = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.slow(name)))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** Their disks take ten writes a second, and no more. */
export const slowDisk = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.slowDisk(name)))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** Restarted with a clock that is wrong, and again with the right one. */
export const clockOff = (pick: Choice, seconds: number): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.setClock(name, seconds)))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** Cut off from these alone. */
export const cutFrom = (pick: Choice, from: Choice): Injector => async (lab) => {
  const [nodes, others] = [await pick(lab), await from(lab)]
  await Promise.all(
    nodes.map(name => lab.cut(name, { drop: true, from: others.filter(other => other !== name) })),
  )
  return { what: `${named(nodes)} from ${named(others)}`, heal: healing(lab, nodes) }
}

/** Packets from and to the nodes vanish without a word. */
export const partition = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  await Promise.all(nodes.map(name => lab.cut(name, { drop: true })))
  return { what: named(nodes), heal: healing(lab, nodes) }
}

/** SIGTERM, and the instance ends by itself; healing starts it again. */
export const drain = (pick: Choice): Injector => async (lab) => {
  const nodes = await pick(lab)
  const ended = await Promise.all(nodes.map(name => lab.drain(name)))
  return {
    what: ended
      .map(({ exitCode, seconds }, n) => `${nodes[n]} ended with ${exitCode} after ${seconds.toFixed(1)} s`)
      .join(', '),
    heal: healing(lab, nodes),
  }
}

export const rollingDeploy: Injector = async (lab) => {
  const deployed = await lab.rollingDeploy()
  return {
    what: deployed.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', '),
    heal: async () => {},
  }
}

export const switchover: Injector = async (lab) => {
  const { from, to, seconds } = await lab.switchover()
  return { what: `${from} to ${to} in ${seconds.toFixed(1)} s`, heal: async () => {} }
}

/** `SENTINEL failover`: planned, with the old master alive. */
export const redisFailover: Injector = async (lab) => {
  const [from] = await redisMaster(lab)
  await lab.redis(lab.nodesOf('sentinel')[0]!.name, 'SENTINEL', 'FAILOVER', 'fleet-redis')
  return { what: `away from ${from}`, heal: async () => {} }
}

/**
 * No byte is left on the disk, and PostgreSQL is made to want some: segments of its log that it had kept for
 * later are used up, until one cannot be made. Healing gives the space back.
 */
export const fillDisk = (pick: Choice): Injector => async (lab) => {
  const [name] = await pick(lab)
  await lab.fillDisk(name!)
  // Fails when the disk is full indeed, or PostgreSQL has ended because of it: that is the fault.
  const segments = 8
  for (let n = 0; n < segments; n++)
    await lab.sql('SELECT pg_switch_wal()', [], { node: name! }).catch(() => {})
  return { what: name!, heal: healing(lab, [name!]) }
}

/** The second fault while the first stands; healed in the opposite order. */
export const both = (one: Injector, afterMs: number, other: Injector): Injector => async (lab) => {
  const begun = await one(lab)
  await new Promise(resolve => setTimeout(resolve, afterMs))
  const second = await other(lab)
  return {
    what: `${begun.what}; then ${second.what}`,
    async heal() {
      await second.heal()
      await begun.heal()
    },
  }
}

/**
 * What asynchronous replication loses: the standbys hear nothing for a while, the primary goes on (or, as it
 * must, waits), then vanishes, and the standbys are back. Whatever was acknowledged meanwhile was on one
 * node.
 */
export const primaryVanishesAheadOfItsStandbys = (aheadMs: number): Injector => async (lab) => {
  const [leader] = await primary(lab)
  const standbys = await replicas(lab)
  await Promise.all(standbys.map(name => lab.cut(name, { drop: true, from: [leader!] })))
  await new Promise(resolve => setTimeout(resolve, aheadMs))
  // Cut before it is killed: a killed process's kernel would still deliver what it had in its buffers.
  await lab.cut(leader!, { drop: true })
  await lab.crash(leader!)
  await Promise.all(standbys.map(name => lab.heal(name)))
  return { what: `${leader}, ${aheadMs / 1000} s ahead of ${named(standbys)}`, heal: healing(lab, [leader!]) }
}

/**
 * Two primaries: the Patroni of one hangs and its PostgreSQL goes on, so that nobody tells it that another
 * has been elected; and HAProxy, set up as its manual's examples have it, leaves the connections that lead
 * there alone. What is asked over them is answered by the former primary, for as long as the pooler keeps
 * them.
 */
export const formerPrimaryLivesOn: Injector = async (lab) => {
  const [former] = await primary(lab)
  const configuration = join(deployCopy, 'ha/haproxy-pg.cfg')
  const asItWas = await readFile(configuration, 'utf8')
  const cut = ' on-marked-down shutdown-sessions'
  if (!asItWas.includes(cut)) throw new Error(`${configuration} has no${cut}`)
  const setUp = async (text: string) => {
    await writeFile(configuration, text)
    for (const haproxy of await every('haproxy')(lab)) await lab.restart(haproxy)
  }
  const heal = async () => {
    await lab.kill(former!, 'patroni', 'SIGCONT')
    await setUp(asItWas)
  }
  try {
    await setUp(asItWas.replaceAll(cut, ''))
    await fillPools(lab)
    await lab.kill(former!, 'patroni', 'SIGSTOP')
  }
  catch (error) {
    await heal()
    throw error
  }
  return { what: `patroni on ${former}`, heal }
}

/** As after a busy hour: each pooler of the primary holds nearly as many connections as it may. */
async function fillPools(lab: Lab) {
  const poolers = lab.nodesOf('pgbouncer').filter(({ name }) => name.includes('primary'))
  await Promise.all(poolers.flatMap(({ address }) => Array.from({ length: busyConnections }, () => {
    const url = new URL(lab.addresses.primaryPoolUrl)
    url.hostname = address
    // Both HAProxies have just been started anew: the pooler needs a moment to find them again, and refuses
    // meanwhile.
    return waitFor('PgBouncer to fill its pool', async () => {
      const client = new pg.Client({ connectionString: url.href })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.query('SELECT pg_sleep(1)')
        return true
      }
      finally {
        await client.end()
      }
    }, { limitMs: 15_000 })
  })))
}

/** Of the 25 of the specification's table. */
const busyConnections = 20

/** Everything loses power at the same moment, and gets it back. */
export const powerCut: Injector = async (lab) => {
  await Promise.all(lab.nodes.map(({ name }) => lab.crash(name)))
  return { what: `all ${lab.nodes.length} nodes`, heal: () => lab.healAll() }
}
