import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSeed } from './run-seed.ts'
import { planOf, scenarios } from './scenarios.ts'
import { createTables } from './work.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'

/**
 * Some short histories; `npm run test:histories` runs longer and other ones. A seed that fails here is run
 * again by `npm run test:histories -- --from SEED --seeds 1`.
 */
const seeds = Array.from({ length: 12 }, (_, n) => n + 1)
const secondsASeed = 2

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
  await createTables(cluster)
})
afterAll(() => cluster.stop())

describe('random histories, with faults drawn from a seed', () => {
  it.each(seeds)(
    'no acknowledged write is lost, none applied twice, nobody reads backwards, every outcome becomes known (seed %i)',
    { timeout: 120_000 },
    async (seed) => {
      const { violations, summary } = await runSeed({ cluster, seed, seconds: secondsASeed })
      console.log(summary)
      expect(violations, summary).toEqual([])
    },
  )
})

/** `npm run test:histories -- --scenario NAME` runs one again. */
describe('directed histories', () => {
  it.each(scenarios.map((scenario, n) => ({ ...scenario, seed: 101 + n })))(
    '$promise ($name)',
    { timeout: 180_000 },
    async ({ seed, ...scenario }) => {
      const { violations, summary } = await runSeed({
        cluster,
        seed,
        seconds: 0,
        plan: planOf(scenario, seed),
        ...scenario.options,
      })
      console.log(summary)
      expect(violations, summary).toEqual([])
    },
  )
})
