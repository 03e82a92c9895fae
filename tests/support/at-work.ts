import { createPerson } from '../../lab/person.ts'
import type { Lab } from '../../lab/types.ts'

/** Some people at work in a lab, so that there is something to see. Resolves to what ends it. */
export function peopleAtWork(lab: Lab, { people = 1, pauseMs = 500 } = {}): () => Promise<void> {
  let ended = false
  const work = Promise.all(Array.from({ length: people }, async () => {
    const person = createPerson(lab)
    // Each failure is the fault's business, not theirs: there is a next round.
    const quietly = (step: Promise<unknown>) => step.catch(() => {})
    await quietly(person.signIn(lab.credentials.demo.emails[0]!, lab.credentials.demo.password))
    while (!ended) {
      // The second finds in the cache what the first has put there: the change after it ends that.
      for (let look = 0; look < 2; look++) await quietly(person.send('GET', '/api/v1/session'))
      await quietly(person.send('GET', '/api/v1/vehicles'))
      await quietly(person.send('POST', '/api/v1/vehicles', { name: 'Made by somebody at work' }))
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
    person.close()
  }))
  return async () => {
    ended = true
    await work
  }
}
