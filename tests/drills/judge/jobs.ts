import type { AskedJob, FinalState } from '../history.ts'

/** Jobs that were acknowledged and are not done: gone, given up, or nobody has ended them. */
export function undoneJobs(asked: readonly AskedJob[], { jobs = {} }: FinalState): string[] {
  return asked.flatMap(({ id, session }) => {
    const state = jobs[id]?.state ?? 'gone'
    return state === 'done' ? [] : [`${id} of ${session} is ${state}`]
  })
}

/** Jobs that have had their effect another number of times than once, or without being done. */
export function wrongEffects(asked: readonly AskedJob[], { jobs = {} }: FinalState): string[] {
  return asked.flatMap(({ id, session }) => {
    const job = jobs[id]
    if (!job || job.effects === (job.state === 'done' ? 1 : 0)) return []
    return [`${id} of ${session}, ${job.state}, had its effect ${job.effects} times`]
  })
}
