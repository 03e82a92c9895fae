import type { Lab } from '../../../lab/types.ts'
import { waitFor } from '../../../lab/wait.ts'
import type { Receivers } from '../../support/alert-receivers.ts'
import type { Injector } from '../faults/faults.ts'

/** Of the route of Watchdog: deploy/monitoring/alertmanager.yml. */
export const heartbeatMs = 60_000
/** A flush comes a little later than its minute. */
const lateMs = 5_000

/** What the dead man's switch had of a time in which nobody could be told of anything, in seconds. */
export interface Silence {
  what: string
  /** From the fault until the first heartbeat that did not come. */
  missed: number
  /** From the healing until the next one. */
  heard: number
  violations: string[]
}

/** The outside service is told nothing more while nobody could tell people anything, and then again. */
export async function silence(inject: Injector, lab: Lab, { heartbeatTimes }: Receivers): Promise<Silence> {
  await lab.healthy()
  // Right after one: the next is a minute away, and so it is seen that it does not come.
  const before = heartbeatTimes.length
  await waitFor('a heartbeat', () => heartbeatTimes.length > before, { limitMs: 2 * heartbeatMs + lateMs })
  const faultAt = Date.now()
  const hurt = await inject(lab)
  const last = heartbeatTimes.at(-1)!
  const heardBy = heartbeatTimes.length
  await new Promise(resolve => setTimeout(resolve, last + heartbeatMs + lateMs - Date.now()))
  const violations = heartbeatTimes.length > heardBy ? ['a heartbeat although no Alertmanager was left'] : []
  const healedAt = Date.now()
  await hurt.heal()
  const again = heartbeatTimes.length
  await waitFor('the next heartbeat', () => heartbeatTimes.length > again, { limitMs: 3 * heartbeatMs })
  return {
    what: hurt.what, violations,
    missed: (last + heartbeatMs - faultAt) / 1000,
    heard: (heartbeatTimes.at(-1)! - healedAt) / 1000,
  }
}
