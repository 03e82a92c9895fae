let preloaded: Promise<unknown> | null = null

/**
 * Loads every page before the first one is rendered, and the layout that all but the first have. They are
 * chunks that would otherwise be read and compiled while the first people after a deploy wait for them, and
 * everybody else on that instance too: nothing else runs meanwhile. The instance renders a page before it
 * says that it is ready.
 */
export default defineNuxtPlugin(async () => {
  if (import.meta.dev) return
  const pages = useRouter().getRoutes().flatMap(({ components }) => Object.values(components ?? {}))
  // One that cannot be loaded fails where it is asked for, and takes no other page with it.
  preloaded ??= Promise.allSettled([
    import('../layouts/default.vue'),
    ...pages.map(page => typeof page === 'function' && (page as () => Promise<unknown>)()),
  ])
  await preloaded
})
