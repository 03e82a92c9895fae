import { setTimeout as sleep } from 'node:timers/promises'
import type { Queries } from '../../server/database/port.ts'
import type { Cluster } from '../support/cluster.ts'
import type { PgBouncer } from '../support/cluster/pgbouncer.ts'
import { isCondition, type Fault, type Plan } from './generate.ts'
import type { History, Span } from './history.ts'
import { inflict } from './inflict.ts'
import type { OwnWay } from './own-way.ts'
import { createPeople, settlingMs, type Spoil } from './people.ts'
import { startWatch, type Watched } from './watch.ts'
import { countExecutions, readFinalState } from './work.ts'

export interface RunOptions {
  cluster: Cluster
  plan: Plan
  /** The instances of the program: each request goes to any of them. */
  instances: (Queries & Watched)[]
  /** The way of the last of them. */
  ownWay: OwnWay
  /** Where the instances have two. */
  poolers?: PgBouncer[]
  limits: History['limits']
  clients?: number
  /** What one request may take, in ms. */
  budgetMs?: number
  /** What a client does between two actions. */
  pauseMs?: number
  /** Spoils the client's side, to see that the checker notices. */
  spoil?: Spoil
}

/**
 * Lets the clients work while the plan's faults come and go, then undoes all of them, lets everybody finish
 * and reads what is there.
 */
export async function runHistory({
  cluster,
  plan,
  instances,
  ownWay,
  poolers = [],
  limits,
  clients = 8,
  budgetMs = 2_500,
  pauseMs = 2,
  spoil = {},
}: RunOptions): Promise<History> {
  const executions = countExecutions(cluster)
  const people = createPeople({
    instances,
    list: `${plan.seed}`,
    budgetMs,
    pauseMs,
    spoil,
    executionsOf: executions.of,
  })
  const watch = await startWatch(cluster, instances)
  const troubles: Span[] = []
  const locks: History['locks'] = []
  const silentPoolers: Span[] = []
  const crowds: Span[] = []

  async function befall(fault: Fault) {
    const from = performance.now()
    await inflict({ seed: plan.seed, cluster, ownWay, people, poolers }, fault)
    const until = performance.now()
    if (!isCondition(fault)) troubles.push({ what: fault.kind, from, until: until + settlingMs })
    if (fault.kind === 'crowd') crowds.push({ what: fault.kind, from, until })
    if (fault.kind === 'freeze pooler') silentPoolers.push({ what: fault.kind, from, until })
    if (fault.kind === 'row lock')
      locks.push({ what: fault.kind, key: fault.key, from, until: from + fault.ms })
  }

  try {
    const regulars = Array.from({ length: clients }, (_, client) => people.come(client, plan.actions(client)))
    for (const { pauseMs, faults } of plan.moments) {
      await sleep(pauseMs)
      await Promise.all(faults.map(befall))
    }
    await cluster.heal()
    people.allIsWell()
    await Promise.all(regulars.map(({ working }) => working))
    await people.allGone()
    // Everybody looks once more at all of it: nothing stale now, nothing older than what was seen.
    const keys = [
      ...new Set(
        people.steps.flatMap(({ client, action }) =>
          action.kind === 'write' && client < clients ? [action.key] : [],
        ),
      ),
    ]
    await Promise.all(
      regulars.map(async ({ session }) => {
        for (const key of keys) await people.perform(session, { kind: 'read', key })
        await people.perform(session, { kind: 'readList' })
      }),
    )
    const final = await readFinalState(cluster, plan.seed)
    return {
      steps: people.steps,
      final,
      troubles: [...troubles, ...watch.hiccups],
      locks,
      crowds,
      silentPoolers,
      samples: watch.samples,
      limits,
    }
  }
  finally {
    await watch.stop()
    executions.stop()
  }
}
