/**
 * Nobody sees a page without being signed in, but for those that say they are public. Knows who is signed in
 * before a page is set up.
 */
export default defineNuxtRouteMiddleware(async (to) => {
  // There is no such page, for whomever: nothing to sign in for.
  if (to.matched.length === 0) return
  // The same for everybody, and there when nobody can say who is signed in.
  if (to.meta.sameForAll) return
  const { session, load } = useSession()
  const status = useStatus()
  const api = useApiClient()
  if (status.value === null) {
    status.value = await api.get('/api/v1/status').catch(() => null)
  }
  if (session.value === undefined) {
    try {
      await load()
    }
    catch (error) {
      const problem = toApiProblem(error)
      // Public pages open without knowing; the others say what is wrong, and how to go on.
      if (!to.meta.public)
        throw createError({
          statusCode: problem.status || 503,
          statusMessage: problem.title,
          message: problem.message,
          data: { requestId: problem.requestId },
          fatal: true,
        })
    }
  }
  if (!session.value && !to.meta.public)
    return navigateTo({ path: '/sign-in', query: to.fullPath === '/' ? {} : { returnTo: to.fullPath } })
  if (session.value && to.meta.public === 'signed-out') return navigateTo('/')
})
