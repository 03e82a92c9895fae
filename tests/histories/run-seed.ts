import { pino } from 'pino'
import { openDatabase, defaultLagLimitSeconds, type DatabaseOptions } from '../../server/database/open.ts'
import { noMetrics } from '../../server/database/router-metrics.ts'
import type { Cluster } from '../support/cluster.ts'
import { check } from './check.ts'
import type { Violation } from './violation.ts'
import { generate, type Fault, type Plan } from './generate.ts'
import type { History } from './history.ts'
import { createOwnWay } from './own-way.ts'
import { noteBehind, noteServed } from './people.ts'
import { runHistory, type RunOptions } from './run-history.ts'
import { isWrite } from './steps.ts'
import { startTwoPoolers } from './two-poolers.ts'
import { outOfBreath } from './watch.ts'

export interface SeedOptions extends Pick<RunOptions, 'spoil' | 'clients' | 'budgetMs' | 'pauseMs'> {
  cluster: Cluster
  seed: number
  seconds: number
  only?: Fault['kind'][]
  plan?: Plan
  /** Further options of the router: the ways in which it can be broken on purpose. */
  database?: Partial<DatabaseOptions>
}

export interface SeedResult {
  history: History
  violations: Violation[]
  /** One line for people. */
  summary: string
}

const maxConnections = 8

/**
 * Back ends of the program on one server: what its pooler may open for each of the two databases (a server
 * that has just been promoted may have both), and a few more for those that are on their way out.
 */
const maxBackends = (cluster: Cluster) => 2 * cluster.poolSize + 10

/** One seed from its plan to its verdict. The cluster is as good as new afterwards. */
export async function runSeed({
  cluster,
  seed,
  seconds,
  only,
  plan = generate({ seed, seconds, only }),
  database = {},
  ...options
}: SeedOptions): Promise<SeedResult> {
  const ownWay = await createOwnWay(cluster)
  const two = plan.moments.some(({ faults }) => faults.some(({ kind }) => kind === 'freeze pooler'))
    ? await startTwoPoolers(cluster)
    : null
  const metrics = { ...noMetrics, served: noteServed, fellBack: noteBehind, retried: noteBehind }
  // Two instances of the router, as two servers of a deployment would have.
  const ways = two ? [two, two] : [{ primaryUrl: cluster.writeUrl, replicaUrl: cluster.readUrl }, ownWay]
  const instances = ways.map(({ primaryUrl, replicaUrl }) =>
    openDatabase({
      primaryUrl,
      replicaUrl,
      maxConnections,
      log: pino({ level: 'silent' }),
      metrics,
      ...database,
    }),
  )
  const limits = {
    backends: maxBackends(cluster),
    lagSeconds: database.lagLimitSeconds ?? defaultLagLimitSeconds,
  }
  try {
    const history = await runHistory({
      cluster,
      plan,
      instances,
      ownWay,
      poolers: two?.poolers,
      limits,
      ...options,
    })
    const violations = check(history)
    return { history, violations, summary: summarise(plan, history, violations) }
  }
  finally {
    await Promise.all(instances.map(instance => instance.close()))
    await ownWay.close()
    await two?.close()
  }
}

function summarise(plan: Plan, { steps, troubles, samples }: History, violations: Violation[]): string {
  const count = (condition: (step: History['steps'][number]) => boolean) => steps.filter(condition).length
  const faults = plan.moments.map(moment => moment.faults.map(describe).join(' + ')).join(', ')
  return (
    `seed ${plan.seed}: ${steps.length} steps (${count(isWrite)} writes), ${count(step => isWrite(step) && step.attempts > 1)} writes asked again, ${count(step => step.replayed)} replayed, `
    + `${count(step => !isWrite(step) && !step.answer && !step.left)} reads refused, ${count(step => step.left)} left, ${count(step => step.stale)} said to be stale, ${troubles.filter(({ what }) => what === outOfBreath).length} times out of breath, ${Math.max(0, ...samples.flatMap(({ backends }) => backends.map(({ total }) => total)))} back ends; ${violations.length} violations. Faults: ${faults}`
  )
}

function describe(fault: Fault): string {
  const { kind, ...rest } = fault
  return `${kind} (${Object.values(rest).flat().join(' ')})`
}
