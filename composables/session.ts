import { may, type Permission } from '#shared/roles.ts'
import type { Session } from '#shared/schemas/identity.ts'
import type { PublicStatus } from '#shared/schemas/live.ts'
import { toApiProblem } from './api.ts'

/** Who is signed in; null: nobody; undefined: not asked yet. */
export function useSession() {
  const session = useState<Session | null | undefined>('session', () => undefined)
  const request = useRequestFetch()
  return {
    session,
    /** Asks the server. @throws {ApiProblem} when it cannot say. */
    async load(): Promise<void> {
      try {
        session.value = await request('/api/v1/session' as string, { retry: 0 }) as Session
      }
      catch (error) {
        const problem = toApiProblem(error)
        if (problem.status !== 401) throw problem
        session.value = null
      }
    },
    /** Whether the signed-in member may do this. What one may not do is not offered. */
    can: (permission: Permission) => Boolean(session.value?.organisation && may(session.value.organisation.role, permission)),
    timeZone: computed(() => session.value?.organisation?.timeZone ?? 'UTC'),
  }
}

/** What the server says of itself: mode, version, map tiles. Kept up to date by the live stream. */
export function useStatus() {
  return useState<PublicStatus | null>('status', () => null)
}
