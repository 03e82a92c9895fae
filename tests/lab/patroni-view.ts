import { patroniByRest } from '#server/cluster/patroni.ts'
import type { PatroniView } from '#shared/operations.ts'
import type { Lab } from '../../lab/types.ts'

/** A limit against hanging. */
const limitMs = 10_000

/** What /ops is told by the lab's own Patroni, over its REST. */
export function askPatroni(lab: Lab): Promise<PatroniView> {
  const members = lab.nodes.filter(({ kind }) => kind === 'patroni')
  const urls = members.map(({ address }) => `http://${address}:8008`)
  return patroniByRest(urls, limitMs).ask(AbortSignal.timeout(limitMs))
}
