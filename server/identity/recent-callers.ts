import type { Assumption } from '#server/telemetry/context.ts'
import { membershipOf, type Membership } from './members.ts'
import type { FoundCaller } from './caller.ts'

/** What was assumed of the caller does not hold any more. Nothing has been answered, and nothing changed. */
export class CallerChangedError extends Error {
  constructor() {
    super('The caller is not who they were at their last request')
  }
}

/** As many sessions as an instance has people at work; one that is forgotten costs a query. */
const most = 10_000

export type RecentCallers = ReturnType<typeof createRecentCallers>

/**
 * Who the callers of the last requests were, by session. Nobody is let in by it: a request that begins with
 * it asks the database with its first transaction, and is begun anew where it was wrong.
 */
export function createRecentCallers() {
  const known = new Map<string, Membership>()

  return {
    /** Null where the session works in another organisation by now. */
    of(sessionId: string, organisationId: string | null): Membership | null {
      const membership = known.get(sessionId)
      return membership?.organisationId === organisationId ? membership : null
    },

    remember(sessionId: string, membership: Membership) {
      if (known.size >= most) known.delete(known.keys().next().value!)
      known.set(sessionId, membership)
    },

    /** That the session's user still is `membership`; `settled` is called when that has been found good. */
    assume(sessionId: string, membership: Membership, settled: () => void): Assumption {
      let open = true
      return {
        isOpen: () => open,
        settle(caller) {
          const found = membershipOf(caller as FoundCaller | null)
          if (!found || !isSame(found, membership)) {
            known.delete(sessionId)
            throw new CallerChangedError()
          }
          if (!open) return
          open = false
          settled()
        },
      }
    },
  }
}

function isSame(one: Membership, other: Membership): boolean {
  return one.id === other.id && one.organisationId === other.organisationId && one.role === other.role
    && one.name === other.name && one.email === other.email
}
