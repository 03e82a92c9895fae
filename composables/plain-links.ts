/**
 * For the element around a whole page: makes plain links (`<a href="/vehicles">`) lead to pages without
 * loading the document anew, and loads a page's code as soon as somebody points at its link. One listener for
 * all of them: a component for each link of a long table costs the server more than the rest of its row.
 *
 * Links elsewhere, to files, for another window and with a key held down are the browser's own, and so are
 * all of them before the page is at work.
 */
export function usePlainLinks() {
  const router = useRouter()

  /** The page that a link inside of which something happened leads to, as an address. */
  function pageOf({ target }: Event): string | null {
    const link = target instanceof Element ? target.closest('a') : null
    const href = link?.getAttribute('href')
    if (!link || !href?.startsWith('/') || link.target || link.hasAttribute('download')) return null
    return router.resolve(href).matched.length > 0 ? href : null
  }

  return {
    follow(event: MouseEvent) {
      const { defaultPrevented, button, metaKey, ctrlKey, shiftKey, altKey } = event
      if (defaultPrevented || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return
      const page = pageOf(event)
      if (page === null) return
      event.preventDefault()
      void navigateTo(page)
    },
    warm(event: Event) {
      const page = pageOf(event)
      if (page !== null) void preloadRouteComponents(page)
    },
  }
}
