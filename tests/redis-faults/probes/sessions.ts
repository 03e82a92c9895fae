import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** Signed-in people who read, each on every instance in turn. */
export const probe = defineProbe<Person[]>({
  name: 'being signed in, reading',
  everyMs: 20,
  async setup(environment) {
    return [await environment.signUp(), await environment.signUp(), await environment.signUp()]
  },
  async operation(environment, people, turn) {
    expectStatus(await environment.ask(turn, people[turn % people.length]!, 'GET', '/api/v1/vehicles'), 200)
    return 'normal'
  },
  async verifyAfter(environment, people) {
    const replies = await Promise.all(
      people.flatMap(person => [0, 1].map(index => environment.ask(index, person, 'GET', '/api/v1/session'))),
    )
    return { lost: replies.filter(({ status }) => status === 401).length / 2, of: people.length }
  },
  words: ({ failed, loss }) =>
    failed || loss.lost
      ? `${failed} pages failed, ${loss.lost} people signed out`
      : 'nothing; everybody stays signed in',
})
