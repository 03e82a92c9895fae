import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** People who sign in during the fault, and want to be signed in after it. */
export const probe = defineProbe<{ account: Person, signedIn: Person[] }>({
  name: 'signing in',
  // A password costs half a second of hashing.
  everyMs: 300,
  setup: async environment => ({ account: await environment.signUp(), signedIn: [] }),
  async operation(environment, { account, signedIn }, turn) {
    const person = { ...environment.newPerson(), email: account.email, password: account.password }
    expectStatus(
      await environment.ask(turn, person, 'POST', '/api/v1/session', {
        email: person.email,
        password: person.password,
      }),
      201,
    )
    signedIn.push(person)
    // At once on the other instance: it must know the session too.
    expectStatus(await environment.ask(turn + 1, person, 'GET', '/api/v1/vehicles'), 200)
    return 'normal'
  },
  async verifyAfter(environment, { signedIn }) {
    const replies = await Promise.all(
      signedIn.map((person, index) => environment.ask(index, person, 'GET', '/api/v1/session')),
    )
    return { lost: replies.filter(({ status }) => status === 401).length, of: signedIn.length }
  },
  words: ({ failed, loss }) =>
    failed || loss.lost
      ? `${failed} attempts failed, ${loss.lost} sessions lost`
      : 'nothing; signing in works',
})
