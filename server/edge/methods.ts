import { createError, sendNoContent, setResponseHeader, type H3Event } from 'h3'
import { InvalidInputError, NotFoundError } from '#shared/errors.ts'
import { isForPrograms } from './route.ts'

/** An address that the program serves, as Nitro knows it: `/api/v1/vehicles/:id`. */
export interface Route { route: string, method?: string }

/** What may be asked of an address; null: nothing is there that this table knows. */
export type Methods = (path: string) => string[] | null

/**
 * The table of all endpoints. Whoever may GET may HEAD, and everything answers OPTIONS. Pages are GET alone.
 * What ends in `**` is not an address but what catches the addresses that are none.
 */
export function createMethods(routes: Route[]): Methods {
  const known = routes.filter(({ route, method }) => method && !route.includes('*'))
  const table = new Map(
    [...Map.groupBy(known, ({ route }) => route)].map(([route, methods]) => [
      route,
      allowed(methods.map(({ method }) => method!.toUpperCase())),
    ]),
  )
  const withParameters = [...table].filter(([route]) => route.includes(':'))
    .map(([route, methods]) => ({ pattern: new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`), methods }))
  return path =>
    table.get(path)
    ?? withParameters.find(({ pattern }) => pattern.test(path))?.methods
    ?? (isForPrograms(path) ? null : pageMethods)
}

const pageMethods = allowed(['GET'])

function allowed(methods: string[]): string[] {
  return [...new Set([...methods, ...methods.includes('GET') ? ['HEAD'] : [], 'OPTIONS'])].sort()
}

/** A host and perhaps a port, as RFC 9110 has it; no address is ever made of it, and nothing is looked up. */
const hostForm = /^([\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?$/

/**
 * What HTTP asks of every address, before any endpoint is reached: HEAD is answered like GET without its
 * body, OPTIONS tells the methods, another method is 405. Answers the request itself, or leaves it to the
 * endpoint.
 * @throws {H3Error} 405; {NotFoundError}; {InvalidInputError}
 */
export function settleMethod(event: H3Event, methodsOf: Methods): void {
  refuseBadHost(event)
  const path = event.path.split('?')[0]!
  if (path === '*' && event.method === 'OPTIONS') return void sendNoContent(event)
  // Addresses have one spelling: Nginx's limits stand at exactly that one, and another that reached the same
  // endpoint would go around them.
  const spelled = canonical(path)
  if (path !== spelled && isForPrograms(spelled)) {
    throw new NotFoundError('address. Addresses have no trailing slash and no double slashes')
  }
  const methods = methodsOf(path)
  if (!methods) return
  if (methods.includes(event.method)) {
    if (event.method === 'OPTIONS') {
      setResponseHeader(event, 'Allow', methods.join(', '))
      return void sendNoContent(event)
    }
    // Node leaves the body out by the request's own method, which stays what it is.
    if (event.method === 'HEAD') Object.defineProperty(event, 'method', { value: 'GET' })
    return
  }
  setResponseHeader(event, 'Allow', methods.join(', '))
  throw createError({ statusCode: 405 })
}

function canonical(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

/**
 * Takes out of the request what no address can be made of: a Host that is none, and what a proxy says of it.
 * The frameworks below make addresses of both, each at its own place and also while they render the page that
 * tells of the fault, and one that is none would fail them. To be called before any of them sees the request.
 */
export function settleHost(event: H3Event): void {
  const { headers } = event.node.req
  const { host } = headers
  delete headers['x-forwarded-host']
  if (host === undefined || host === '') return
  const port = Number(/:(\d+)$/.exec(host)?.[1] ?? 0)
  if (hostForm.test(host) && port <= 65_535 && URL.canParse(`http://${host}`)) return
  delete headers.host
  event.context.hasBadHost = true
}

/**
 * RFC 9112: a request whose Host is none is 400. HTTP/1.0 has none, and old trackers speak it. A person at a
 * browser has no hand in it, and is given the page: nothing of ours is made of a Host.
 */
function refuseBadHost(event: H3Event): void {
  if (!event.context.hasBadHost || !isForPrograms(event.path)) return
  throw new InvalidInputError([
    { path: 'Host', message: 'must be a host name or an address, optionally with a port up to 65535' },
  ])
}
