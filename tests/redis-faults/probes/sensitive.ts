import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/** A sensitive action: it needs a session that Redis confirms, and says so while it cannot be had. */
export const probe = defineProbe<Person>({
  name: 'sensitive actions (an invitation)',
  everyMs: 100,
  setup: environment => environment.signUp(),
  async operation(environment, person, turn) {
    const reply = await environment.ask(turn, person, 'POST', '/api/v1/invitations', {
      email: `guest-${turn}-${person.email}`,
      role: 'viewer',
    })
    if (reply.status === 503 && reply.type === 'ask-again-later') return 'limited'
    expectStatus(reply, 201)
    return 'normal'
  },
  verifyAfter: async () => ({ lost: 0, of: 0 }),
  words: ({ failed, limited, seconds }) =>
    failed
      ? `${failed} failed without a reason`
      : limited
        ? `"try again in a few minutes" for ${seconds!.toFixed(1)} s`
        : 'nothing',
})
