import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** Sessions that are ended during the fault: a copy of their cookies must open nothing, then or later. */
export const probe = defineProbe<{ ready: Person[], ended: Person[] }>({
  name: 'signing out',
  everyMs: 500,
  async setup(environment) {
    const account = await environment.signUp()
    const ready: Person[] = []
    for (let n = 0; n < 5; n++) {
      const person = { ...environment.newPerson(), email: account.email, password: account.password }
      expectStatus(
        await environment.ask(n, person, 'POST', '/api/v1/session', {
          email: person.email,
          password: person.password,
        }),
        201,
      )
      ready.push(person)
    }
    return { ready, ended: [] }
  },
  async operation(environment, { ready, ended }, turn) {
    const person = ready.shift()
    if (!person) return 'normal'
    const copy = { ...person, cookies: new Map(person.cookies) }
    expectStatus(await environment.ask(turn, person, 'DELETE', '/api/v1/session'), 204)
    ended.push(copy)
    // On the other instance, at once.
    expectStatus(
      await environment.ask(turn + 1, { ...copy, cookies: new Map(copy.cookies) }, 'GET', '/api/v1/session'),
      401,
    )
    return 'normal'
  },
  async verifyAfter(environment, { ended }) {
    const replies = await Promise.all(
      ended.map((person, index) => environment.ask(index, person, 'GET', '/api/v1/session')),
    )
    return { lost: replies.filter(({ status }) => status !== 401).length, of: ended.length }
  },
  words: ({ failed, loss }) =>
    failed || loss.lost
      ? `${failed} attempts failed, ${loss.lost} ended sessions came back`
      : 'nothing; an ended session stays ended',
})
