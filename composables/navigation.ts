import { describedPages, type PageDescription } from '#shared/features.ts'
import type { Permission } from '#shared/roles.ts'

/** Whether the navigation is open where it has no room beside the page. */
export function useNavigationOpen() {
  return useState('navigation-open', () => false)
}

/** The pages that are offered to whoever is signed in, in the order of the menu. */
export function useOfferedPages() {
  const { session, can } = useSession()
  const isOffered = ({ needs }: PageDescription) =>
    !needs || (needs === 'operator' ? session.value?.operator === true : can(needs as Permission))
  return computed(() => describedPages.filter(isOffered))
}

/** A key after G leads to each page that has one. Nothing happens at those that are not offered. */
export function usePageShortcuts() {
  const offered = useOfferedPages()
  const lead = (path: string) => {
    if (offered.value.some(page => page.path === path)) void navigateTo(path)
  }
  defineShortcuts(Object.fromEntries(
    describedPages.flatMap(({ key, path }) => key ? [[`g-${key.toLowerCase()}`, () => lead(path)]] : []),
  ))
}
