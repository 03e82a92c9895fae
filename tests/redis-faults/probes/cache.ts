import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/**
 * An organisation that is renamed again and again, and read by who renamed it on the other instance: the
 * cached list of organisations must never show an older name.
 */
export const probe = defineProbe<{ person: Person, organisation: string, stale: number, reads: number }>({
  name: 'cached organisations',
  everyMs: 100,
  async setup(environment) {
    const person = await environment.signUp()
    const { body } = await environment.ask(0, person, 'GET', '/api/v1/session')
    return { person, organisation: (body.organisation as { id: string }).id, stale: 0, reads: 0 }
  },
  async operation(environment, state, turn) {
    const name = `Name ${turn}`
    expectStatus(
      await environment.ask(turn, state.person, 'PATCH', `/api/v1/organisations/${state.organisation}`, {
        name,
      }),
      200,
    )
    const reply = await environment.ask(turn + 1, state.person, 'GET', '/api/v1/session')
    expectStatus(reply, 200)
    state.reads++
    if ((reply.body.organisation as { name: string }).name !== name) state.stale++
    return 'normal'
  },
  verifyAfter: async (_, { stale, reads }) => ({ lost: stale, of: reads }),
  words: ({ failed, loss }) =>
    failed || loss.lost
      ? `${failed} requests failed, ${loss.lost} showed an older name`
      : 'nothing; who changes something sees it, on every instance',
})
