import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Break } from '#server/config/breaks.ts'
import type { BrokenPromise } from './violation.ts'
import { generate, type Fault } from './generate.ts'
import type { Spoil } from './people.ts'
import { runSeed, type SeedOptions } from './run-seed.ts'
import { planOf, scenarios } from './scenarios.ts'
import { createTables } from './work.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'

/**
 * The checker proved on what it is there for: each promise broken on purpose, in the router or in what stands
 * around it, has to be noticed. The same faults with nothing broken have to pass.
 */
const lag: Fault[] = [{ kind: 'lag', which: [0, 1], ms: 1_000 }]
const cutCommits: Fault[] = [{ kind: 'cut commits', place: 'balancer', when: 'after', count: 20, ms: 1_000 }]
const lostStandbys: Fault[] = [
  { kind: 'failover', old: 'kill', isolatedMs: 600, staleBalancerMs: 0, bothMs: 0 },
]
// The balancer believes both. (One that leads to the former primary only is no test: every client's next
// write waits there, and nobody can have seen anything newer.)
const twoPrimaries: Fault[] = [
  { kind: 'failover', old: 'alive', isolatedMs: 0, staleBalancerMs: 0, bothMs: 2_000 },
]
const frozenStandbys: Fault[] = [
  { kind: 'freeze replica', which: 0, ms: 1_500 },
  { kind: 'freeze replica', which: 1, ms: 1_500 },
]
const frozenPrimary: Fault[] = [{ kind: 'freeze primary', ms: 1_500 }]

const brokenRouter: {
  name: string
  breaks?: Break[]
  faults: Fault[]
  promise: BrokenPromise
  options?: Partial<SeedOptions>
}[] = [
  { name: 'ignore-tokens', faults: lag, promise: 'session read backwards' },
  { name: 'no-records', faults: cutCommits, promise: 'write applied twice' },
  { name: 'retry-blindly', faults: cutCommits, promise: 'write applied twice' },
  { name: 'async-ack', faults: lostStandbys, promise: 'acknowledged write lost' },
  // A token carries the timeline, so that either of the two alone keeps a session from a former primary: it
  // is seen only with both gone. Without replicas every read asks a primary, and with requests that give up
  // early a client is soon back from a write that waits at the former one.
  {
    name: 'no-epoch-check and ignore-tokens',
    breaks: ['no-epoch-check', 'ignore-tokens'],
    faults: twoPrimaries,
    promise: 'session read backwards',
    options: { budgetMs: 1_000, database: { replicaUrl: null } },
  },
]

/** With requests that give up early, so that it is the client who repeats and not the router. */
const brokenAround: { name: keyof Spoil, faults: Fault[], promise: BrokenPromise, budgetMs?: number }[] = [
  { name: 'forgetToken', faults: lag, promise: 'session read backwards' },
  { name: 'newKeyOnRetry', faults: frozenStandbys, promise: 'write applied twice', budgetMs: 600 },
  { name: 'believeFailures', faults: frozenPrimary, promise: 'acknowledged write lost', budgetMs: 600 },
]

/**
 * What the directed histories hold (`histories.integration.test.ts` runs each of them with nothing broken),
 * with that protection taken away.
 */
const brokenScenarios: { breaks: Break[], scenario: string }[] = [
  { breaks: ['slow-is-silent'], scenario: 'slow-statements' },
  { breaks: ['slow-is-silent'], scenario: 'row-lock' },
  { breaks: ['open-transactions-block'], scenario: 'owner-transaction' },
  { breaks: ['ignore-tokens'], scenario: 'edit-what-was-seen' },
  { breaks: ['ignore-tokens'], scenario: 'pinned-instance' },
  { breaks: ['busy-is-illness'], scenario: 'callers-who-leave' },
  { breaks: ['busy-is-illness'], scenario: 'crowd' },
  { breaks: ['deny-unknown'], scenario: 'nothing-was-changed' },
  { breaks: ['one-pooler'], scenario: 'silent-pooler' },
  { breaks: ['commits-pile-up'], scenario: 'commits-without-standby' },
]

/** Chance has a part in it; a break that is not seen in this many runs is not seen. */
const runs = 12

describe('the checker notices', () => {
  let cluster: Cluster
  let seed = 1_000

  beforeAll(async () => {
    cluster = await startCluster()
    await createTables(cluster)
  })
  afterAll(() => cluster.stop())

  async function promisesBroken(faults: Fault[], options: Partial<SeedOptions>): Promise<BrokenPromise[]> {
    const plan = { ...generate({ seed: ++seed, seconds: 0 }), moments: [{ pauseMs: 300, faults }] }
    const { violations } = await runSeed({ cluster, seed, seconds: 0, plan, ...options })
    return [...new Set(violations.map(({ promise }) => promise))]
  }

  async function noticed(
    promise: BrokenPromise,
    faults: Fault[],
    options: Partial<SeedOptions>,
  ): Promise<boolean> {
    for (let run = 0; run < runs; run++)
      if ((await promisesBroken(faults, options)).includes(promise)) return true
    return false
  }

  it.each(brokenRouter)(
    'a router that is broken: $name',
    { timeout: 300_000 },
    async ({ name, breaks = [name as Break], faults, promise, options = {} }) => {
      expect(await promisesBroken(faults, options)).toEqual([])
      expect(
        await noticed(promise, faults, {
          ...options,
          database: { ...options.database, breaks: new Set(breaks) },
        }),
      ).toBe(true)
    },
  )

  it.each(brokenScenarios)(
    'a router that is broken: $breaks, in $scenario',
    { timeout: 300_000 },
    async ({ breaks, scenario: name }) => {
      const scenario = scenarios.find(one => one.name === name)!
      const options = {
        ...scenario.options,
        database: { ...scenario.options?.database, breaks: new Set(breaks) },
      }
      for (let run = 0; run < runs; run++) {
        const { violations } = await runSeed({
          cluster,
          seed: ++seed,
          seconds: 0,
          plan: planOf(scenario, seed),
          ...options,
        })
        if (violations.some(({ promise }) => scenario.noticedAs.includes(promise))) return
      }
      expect.fail('nobody noticed')
    },
  )

  it.each(brokenAround)(
    'an edge or a client that is broken: $name',
    { timeout: 180_000 },
    async ({ name, faults, promise, budgetMs }) => {
      expect(await promisesBroken(faults, { budgetMs })).toEqual([])
      expect(await noticed(promise, faults, { budgetMs, spoil: { [name]: true } })).toBe(true)
    },
  )
})
