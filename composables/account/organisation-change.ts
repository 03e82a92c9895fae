import type { Session } from '#shared/identity.ts'
import type { ApiProblem } from '../api/api-problem.ts'

/**
 * What this tab shows is not what the session works in any more: another tab has changed it, or somebody has
 * taken the person out.
 */
export interface OrganisationChange {
  /** The session as it is now. */
  now: Session
}

/** Set as soon as the tab learns of it; the layout says so and offers what can be done. */
export function useOrganisationChange() {
  return useState<OrganisationChange | null>('organisation-change', () => null)
}

/**
 * The headers of a request that is meant for the organisation that this tab shows. Must be called in setup;
 * the function it gives at any time.
 */
export function useOrganisationHeader(): () => Record<string, string> {
  const { session } = useSession()
  return (): Record<string, string> => {
    const id = session.value?.organisation?.id
    return id ? { 'Fleet2-Organisation': id } : {}
  }
}

/** Whether the server refused because the request was meant for another organisation than the session's. */
export function isOrganisationChange({ type }: ApiProblem): boolean {
  return type.endsWith(':organisation-changed')
}

/**
 * Gives the function that finds out where the session works now, and has the layout say so. A session that
 * has ended leads to the sign-in page.
 */
export function useOrganisationCheck(): () => Promise<void> {
  const { session, load } = useSession()
  const router = useRouter()
  return async () => {
    await load().catch(() => {})
    if (session.value === null)
      await router.push({ path: '/sign-in', query: { returnTo: router.currentRoute.value.fullPath } })
  }
}
