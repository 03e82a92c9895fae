import { parseArgs } from 'node:util'
import { startCluster } from '../support/cluster.ts'
import type { Fault } from './generate.ts'
import { createTables } from './run-history.ts'
import { runSeed } from './run-seed.ts'

/**
 * `npm run test:histories [-- --seeds N --seconds S --from SEED --only FAULT,FAULT]`: random histories, longer than `npm test` has time for. Prints each seed; the same
 * seed asks and breaks the same things again.
 */
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '100' }, seconds: { type: 'string', default: '10' }, from: { type: 'string' }, only: { type: 'string' } } })
const first = values.from ? Number(values.from) : Math.floor(Math.random() * 1_000_000)

const only = values.only?.split(',') as Fault['kind'][] | undefined

const cluster = await startCluster()
let broken = 0
try {
  await createTables(cluster)
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const { violations, summary } = await runSeed({ cluster, seed, seconds: Number(values.seconds), only })
    console.log(summary)
    for (const { promise, detail } of violations.slice(0, 10)) console.log(`  BROKEN: ${promise}: ${detail}`)
    if (violations.length) broken++
  }
}
finally {
  await cluster.stop()
}
console.log(`${values.seeds} seeds from ${first}, ${broken} with broken promises`)
process.exit(broken ? 1 : 0)
