import { pino } from 'pino'
import { openDatabase, type DatabaseOptions } from '../../server/database/open.ts'
import { noMetrics } from '../../server/database/router-metrics.ts'
import type { Cluster } from '../support/cluster.ts'
import { check, type Violation } from './check.ts'
import { generate, type Fault, type Plan } from './generate.ts'
import type { History } from './history.ts'
import { noteServed, runHistory, type RunOptions } from './run-history.ts'

export interface SeedOptions extends Pick<RunOptions, 'spoil' | 'clients' | 'budgetMs'> {
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

/** Two instances of the router, as two servers of a deployment would have. */
const instanceCount = 2

/** One seed from its plan to its verdict. The cluster is as good as new afterwards. */
export async function runSeed({ cluster, seed, seconds, only, plan = generate({ seed, seconds, only }), database = {}, ...options }: SeedOptions): Promise<SeedResult> {
  const open = () => openDatabase({ primaryUrl: cluster.writeUrl, replicaUrl: cluster.readUrl, maxConnections: 8, log: pino({ level: 'silent' }), metrics: { ...noMetrics, served: noteServed }, ...database })
  const instances = Array.from({ length: instanceCount }, open)
  try {
    const history = await runHistory({ cluster, plan, instances, ...options })
    const violations = check(history)
    return { history, violations, summary: summarise(plan, history, violations) }
  }
  finally {
    await Promise.all(instances.map(instance => instance.close()))
  }
}

function summarise(plan: Plan, { steps }: History, violations: Violation[]): string {
  const count = (condition: (step: History['steps'][number]) => boolean) => steps.filter(condition).length
  const isWrite = ({ action }: History['steps'][number]) => action.kind === 'write' || action.kind === 'append'
  const faults = plan.moments.map(moment => moment.faults.map(describe).join(' + ')).join(', ')
  return `seed ${plan.seed}: ${steps.length} steps (${count(isWrite)} writes), ${count(step => isWrite(step) && step.attempts > 1)} writes asked again, ${count(step => step.replayed)} replayed, `
    + `${count(step => !isWrite(step) && !step.answer)} reads refused, ${count(step => step.stale)} said to be stale; ${violations.length} violations. Faults: ${faults}`
}

function describe(fault: Fault): string {
  const { kind, ...rest } = fault
  return `${kind} (${Object.values(rest).flat().join(' ')})`
}
