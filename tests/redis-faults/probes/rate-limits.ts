import { randomBytes } from 'node:crypto'
import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** As `acceptances` in `server/identity/throttle.ts`: 300 in an hour from one address. */
const limit = 300

/** Somebody who tries invitation links from one address, on both instances, faster than is allowed. */
export const probe = defineProbe<{ person: Person, allowed: number }>({
  name: 'rate limits',
  everyMs: 10,
  setup: async environment => ({ person: environment.newPerson(), allowed: 0 }),
  async operation(environment, state, turn) {
    const reply = await environment.ask(turn, state.person, 'POST', '/api/v1/invitation-acceptances', {
      token: randomBytes(32).toString('base64url'),
    })
    expectStatus(reply, 404, 429)
    if (reply.status === 404) state.allowed++
    return 'normal'
  },
  // Counted anew where Redis's counters are lost or cannot be asked: never more than twice the limit, however
  // long it lasts.
  verifyAfter: async (_, { allowed }) => ({ lost: Math.max(0, allowed - 2 * limit), of: allowed }),
  words: ({ failed, loss }) =>
    failed
      ? `${failed} attempts failed`
      : loss.lost
        ? `${loss.of} attempts passed, limit ${limit}`
        : loss.of > limit
          ? `counting began anew when Redis lost its counters: ${loss.of} attempts passed, under twice the limit of ${limit}`
          : `the limit of ${limit} holds: ${loss.of} attempts passed`,
})
