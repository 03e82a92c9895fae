import type { Environment } from './environment.ts'
import { until } from '../support/until.ts'

export interface Fault {
  name: string
  /** Resolves when it has done its work: a new master is there, or what was away for a while is back. */
  strike(environment: Environment): Promise<void>
  /** Puts everything right again. */
  mend(environment: Environment): Promise<void>
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function restartStopped({ cluster }: Environment) {
  for (const part of [...cluster.nodes, ...cluster.sentinels]) await part.start()
}

function onTheMaster(
  name: string,
  hurt: (environment: Environment, master: string) => void | Promise<void>,
  mend: (environment: Environment, master: string) => void | Promise<void>,
): Fault {
  let hurtName = ''
  return {
    name,
    async strike(environment) {
      const master = await environment.cluster.master()
      hurtName = master.name
      await hurt(environment, master.name)
      await environment.cluster.newMaster(master)
    },
    mend: async environment => void (await mend(environment, hurtName)),
  }
}

const node = ({ cluster }: Environment, name: string) => cluster.nodes.find(part => part.name === name)!

/** How long everything stays away where nothing else ends it. */
const awayMs = 6_000

export const faults = {
  kill: onTheMaster(
    'kill -9 of the master',
    (environment, name) => node(environment, name).kill(),
    restartStopped,
  ),
  freeze: onTheMaster(
    'frozen master (SIGSTOP)',
    (environment, name) => node(environment, name).freeze(),
    (environment, name) => node(environment, name).thaw(),
  ),
  partition: onTheMaster(
    'partition: the master cut off from everybody',
    ({ cluster }, name) => cluster.isolate(name),
    ({ cluster }) => cluster.heal(),
  ),
  failover: {
    name: 'planned `sentinel failover`',
    strike: async ({ cluster }) => void (await cluster.failover()),
    mend: async () => {},
  },
  splitBrain: onTheMaster(
    'split brain: master and one instance cut off from the rest',
    async ({ cluster }, name) => {
      cluster.isolate(name, 'app1')
      // Longer than min-replicas-max-lag, so that the old master has refused to go on.
      await pause(8_000)
    },
    ({ cluster }) => cluster.heal(),
  ),
  hiddenSwitch: onTheMaster(
    'a switch that one instance is not told of: its old master, alone, still answers it',
    ({ cluster }, name) => {
      cluster.hideSwitch('app1')
      cluster.cutOff(name)
    },
    ({ cluster }) => cluster.heal(),
  ),
  orphan: onTheMaster(
    'a demoted master that is cut off from its new one, and one instance not told',
    async (environment, name) => {
      environment.cluster.hideSwitch('app1')
      environment.cluster.cutOff(name)
      // A replica of nobody: whoever follows it hears nothing more, and no error.
      await node(environment, name).command('REPLICAOF', '127.0.0.1', '1')
    },
    ({ cluster }) => cluster.heal(),
  ),
  gone: {
    name: 'all of Redis gone for 6 s, back with its data',
    async strike({ cluster }) {
      await cluster.killAll()
      await pause(awayMs)
    },
    mend: ({ cluster }) => cluster.startAll(),
  },
  empty: {
    name: 'all of Redis gone for 6 s, back empty',
    async strike({ cluster }) {
      await cluster.killAll()
      await pause(awayMs)
    },
    mend: ({ cluster }) => cluster.startAll({ empty: true }),
  },
  oneSentinel: {
    name: 'one Sentinel killed',
    async strike({ cluster }) {
      await cluster.sentinels[0]!.kill()
      await pause(2_000)
    },
    mend: restartStopped,
  },
  quorum: {
    name: 'two Sentinels killed: no quorum',
    async strike({ cluster }) {
      await Promise.all(cluster.sentinels.slice(0, 2).map(sentinel => sentinel.kill()))
      await pause(2_000)
    },
    mend: restartStopped,
  },
} satisfies Record<string, Fault>

/** Resolves once both instances are with the master again. */
export async function instancesRecovered({ instances }: Environment): Promise<void> {
  await until(async () => {
    const reports = await Promise.all(
      instances.map(({ url }) =>
        fetch(`${url}/api/health`).then(
          response =>
            response.json() as Promise<{
              checks: { redis: { status: string } }
              instances: unknown[] | null
            }>,
        ),
      ),
    )
    return reports.every(
      ({ checks, instances }) => checks.redis.status !== 'unhealthy' && instances?.length === 2,
    )
  }, 'the instances to be with Redis again', 60_000)
}
