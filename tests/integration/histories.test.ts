import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTables } from '../histories/work.ts'
import { runSeed } from '../histories/run-seed.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'

/** Twenty short histories; `npm run test:histories` runs longer and other ones. A seed that fails here is run again by `npm run test:histories -- --from SEED --seeds 1`. */
const seeds = Array.from({ length: 20 }, (_, n) => n + 1)
const secondsASeed = 2

describe('random histories, with faults drawn from a seed', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await startCluster()
    await createTables(cluster)
  })
  afterAll(() => cluster.stop())

  it.each(seeds)('no acknowledged write is lost, none applied twice, nobody reads backwards, every outcome becomes known (seed %i)', { timeout: 120_000 }, async (seed) => {
    const { violations, summary } = await runSeed({ cluster, seed, seconds: secondsASeed })
    console.log(summary)
    expect(violations, summary).toEqual([])
  })
})
