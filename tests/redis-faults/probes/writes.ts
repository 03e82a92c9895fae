import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** An ordinary change: it needs the database, and of Redis only the session. */
export const probe = defineProbe<{ person: Person, made: string[] }>({
  name: 'ordinary changes',
  everyMs: 50,
  setup: async environment => ({ person: await environment.signUp(), made: [] }),
  async operation(environment, state, turn) {
    const reply = await environment.ask(turn, state.person, 'POST', '/api/v1/vehicles', {
      name: `Vehicle ${turn}`,
    })
    expectStatus(reply, 201)
    state.made.push(String(reply.body.id))
    return 'normal'
  },
  async verifyAfter(environment, { person, made }) {
    let lost = 0
    for (const id of made)
      if ((await environment.ask(0, person, 'GET', `/api/v1/vehicles/${id}`)).status !== 200) lost++
    return { lost, of: made.length }
  },
  words: ({ failed }) => failed ? `${failed} changes failed` : 'nothing; changes are saved',
})
