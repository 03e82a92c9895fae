import type { Lab } from '../../lab/types.ts'
import { drill, warmCrowd } from './drill.ts'
import type { Budget } from './judge/judge.ts'
import { line } from './report/table.ts'
import { scenarios, shortSet } from './scenarios.ts'
import { populate } from './workload/population.ts'

/**
 * Waits are allowed ten times their budgets: a test machine may have other work, and the verdict would be one
 * on the machine. What may never happen may not happen there either. `npm run drill` judges both.
 */
const patience = 10

/**
 * The short set of drills on a lab that is up, under a light load, for `npm test`. Resolves to everything
 * that the judge found, in words.
 */
export async function shortDrills(lab: Lab): Promise<string[]> {
  const population = await populate(Object.values(lab.addresses.apps)[0]!, { people: 10, trackers: 5 })
  const crowd = await warmCrowd(lab, population)
  const found: string[] = []
  try {
    for (const scenario of scenarios.filter(({ name }) => shortSet.includes(name))) {
      const { verdict } = await drill({ ...scenario, budget: patient(scenario.budget) }, { lab, crowd })
      console.log(line(verdict))
      found.push(...verdict.violations.map(violation => `${scenario.name}: ${violation}`))
    }
  }
  finally {
    crowd.close()
  }
  return found
}

function patient(budget: Budget): Budget {
  const { writesWaitSeconds, readsWaitSeconds, wholeSeconds } = budget
  return {
    ...budget,
    writesWaitSeconds: patience * writesWaitSeconds,
    readsWaitSeconds: patience * readsWaitSeconds,
    wholeSeconds: patience * wholeSeconds,
    repeatedWrites: null,
  }
}
