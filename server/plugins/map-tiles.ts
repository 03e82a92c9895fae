import { config } from '#server/config/current.ts'

/**
 * The content security policy lets the browser load tiles from the configured server, which is known only
 * now, and from nowhere else.
 */
export default defineNitroPlugin((nitroApp) => {
  const { mapTilesUrl } = config()
  if (!mapTilesUrl) return
  const { origin } = new URL(mapTilesUrl)
  nitroApp.hooks.hook('nuxt-security:routeRules', (rules) => {
    const policy = rules['/**']?.headers && rules['/**'].headers.contentSecurityPolicy
    if (!policy || typeof policy !== 'object') return
    for (const directive of ['img-src', 'connect-src'] as const) {
      const sources = policy[directive]
      if (Array.isArray(sources)) sources.push(origin)
    }
  })
})
