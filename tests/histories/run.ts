import { parseArgs } from 'node:util'
import { noBreaks, type Break } from '../../server/config/breaks.ts'
import { startCluster } from '../support/cluster.ts'
import type { Fault } from './generate.ts'
import { runSeed } from './run-seed.ts'
import { planOf, scenarios } from './scenarios.ts'
import { createTables } from './work.ts'

/**
 * `npm run test:histories [-- --seeds N --seconds S --from SEED --only FAULT,FAULT | --scenario
 * NAME,NAME|all] [--break NAME,NAME]`: random histories, longer than `npm test` has time for, or the directed
 * ones. Prints each seed; the same seed asks and breaks the same things again.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    from: { type: 'string' },
    only: { type: 'string' },
    scenario: { type: 'string' },
    break: { type: 'string' },
  },
})
const first = values.from ? Number(values.from) : Math.floor(Math.random() * 1_000_000)
const only = values.only?.split(',') as Fault['kind'][] | undefined
const breaks = values.break ? new Set(values.break.split(',') as Break[]) : noBreaks
const names = values.scenario?.split(',')
const chosen = names && scenarios.filter(({ name }) => names.includes('all') || names.includes(name))
if (chosen && chosen.length < names!.length)
  throw new Error(`The scenarios are: ${scenarios.map(({ name }) => name).join(', ')}`)
const seeds = Number(values.seeds ?? (chosen ? 1 : 100))

const cluster = await startCluster()
let runs = 0
let broken = 0
try {
  await createTables(cluster)
  for (let round = 0; round < seeds; round++) {
    for (const scenario of chosen ?? [null]) {
      // Each run has registers and a list of its own.
      const seed = first + runs
      const directed = scenario ? { plan: planOf(scenario, seed), ...scenario.options } : { only }
      const database = { ...scenario?.options?.database, breaks }
      const { violations, summary } = await runSeed({
        cluster,
        seed,
        seconds: Number(values.seconds),
        ...directed,
        database,
      })
      console.log(scenario ? `${scenario.name}, ${summary}` : summary)
      const kinds = Map.groupBy(violations, ({ promise }) => promise)
      for (const [promise, all] of kinds) {
        for (const { detail } of all.slice(0, 3)) console.log(`  BROKEN: ${promise}: ${detail}`)
        if (all.length > 3) console.log(`  BROKEN: ${promise}: ${all.length - 3} more`)
      }
      runs++
      if (violations.length) broken++
    }
  }
}
finally {
  await cluster.stop()
}
console.log(`${runs} runs from seed ${first}, ${broken} with broken promises`)
process.exit(broken ? 1 : 0)
