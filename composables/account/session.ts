import { may, type Permission } from '#shared/roles.ts'
import type { Session } from '#shared/identity.ts'
import type { PublicStatus } from '#shared/status.ts'
import { toApiProblem } from '../api/api-problem.ts'
import { useApiClient } from '../api/api-client.ts'

/** Who is signed in; null: nobody; undefined: not asked yet. */
export function useSession() {
  const session = useState<Session | null | undefined>('session', () => undefined)
  const change = useOrganisationChange()
  const api = useApiClient()
  return {
    session,
    /**
     * Asks the server. Where the session works in another organisation than the page shows, it says so by
     * `useOrganisationChange`. @throws {ApiProblem} when it cannot say.
     */
    async load(): Promise<void> {
      try {
        const arriving = await api.get('/api/v1/session')
        const shown = session.value?.organisation?.id
        // What the page shows is of the one that it was opened with: it must not go on as if it were
        // another's.
        if (shown && arriving.organisation?.id !== shown) change.value = { now: arriving }
        else session.value = arriving
      }
      catch (error) {
        const problem = toApiProblem(error)
        if (problem.status !== 401) throw problem
        session.value = null
      }
    },
    /** Whether the signed-in member may do this. What one may not do is not offered. */
    can: (permission: Permission) =>
      Boolean(session.value?.organisation && may(session.value.organisation.role, permission)),
    timeZone: computed(() => session.value?.organisation?.timeZone ?? 'UTC'),
  }
}

/** What the server says of itself: mode, version, map tiles. Kept up to date by the live stream. */
export function useStatus() {
  return useState<PublicStatus | null>('status', () => null)
}
