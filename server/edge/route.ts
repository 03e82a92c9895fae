import type { H3Event } from 'h3'

/** The pattern of the address, never the path: labels and names of spans are bounded. */
export function routeOf(event: H3Event): string {
  const matched = event.context.matchedRoute?.path as string | undefined
  if (event.path.startsWith('/_nuxt/')) return '/_nuxt/**'
  if (!matched) return 'other'
  if (matched === '/**') return 'page'
  return matched === '/api/**' ? 'unknown-api' : matched
}

/**
 * Whether programs ask there: the API, the program's own files, the figures, the status page's twin. Nobody
 * navigates there, and no answer from there is a page, whatever the caller says that it accepts.
 */
export function isForPrograms(path: string): boolean {
  return /^\/(api|_nuxt|metrics|status\.json)(\/|$)/.test(path.split('?')[0]!)
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The request's method; whatever a client makes up is `OTHER`. */
export function methodOf({ node: { req } }: H3Event): string {
  return methods.has(req.method ?? '') ? req.method! : 'OTHER'
}

const machines = /^\/(api\/health|api\/ingest|metrics|_nuxt\/|__nuxt)/

/**
 * Whether a person, or a program for one, may be asking. Probes and positions are no people's requests: they
 * bring no cookie and have seen nothing that an answer could be older than, and they would drown the others
 * in the access log. Metrics count them.
 */
export function isPersons(path: string): boolean {
  return !machines.test(path)
}
