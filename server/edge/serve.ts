import { isStream, sendNoContent, sendStream, type EventHandler, type H3Event } from 'h3'
import { setConsistency } from './consistency.ts'
import { setContextHeaders } from './context.ts'
import { settleMethod, type Methods } from './methods.ts'
import { isForPrograms } from './route.ts'
import type { Config } from '#server/config/load.ts'
import { currentContext } from '#server/telemetry/context.ts'

export interface ServeOptions {
  /** Nitro's table of endpoints. */
  router: EventHandler
  methodsOf: Methods
  /** What every answer gets, pages and files too: `nuxt.config.ts` says it once, in Nitro's route rules. */
  headers: Readonly<Record<string, string>>
  config: Config
}

/**
 * Whether an address is served by `serveEndpoint`: an endpoint that is spelled plainly. This is the one place
 * where it is decided who meets what Nitro and nuxt-security do for pages: for each request they copy and
 * merge the rules of all routes and make a nonce, which cost an endpoint more than its own work. Files of the
 * program stay with Nitro, which has them; so does an address that needs decoding first.
 */
export function isPlainEndpoint(path: string): boolean {
  if (!isForPrograms(path) || path.startsWith('/_nuxt')) return false
  const query = path.indexOf('?')
  const escape = path.indexOf('%')
  return escape === -1 || (query !== -1 && query < escape)
}

/**
 * Serves an endpoint without what is there for pages: the headers that everything has, the method, the
 * endpoint, its answer in one write. Answers exactly as Nitro does with the same endpoint; what is thrown
 * goes to the same error handler.
 */
export function serveEndpoint(
  { router, methodsOf, headers, config }: ServeOptions,
): (event: H3Event) => Promise<void> {
  const everywhere = Object.entries(headers)
  return async (event) => {
    const { res } = event.node
    for (const [name, value] of everywhere) res.setHeader(name, value)
    // What a page asks in this process comes from our own code.
    if (event.node.req.socket?.remoteAddress) {
      settleMethod(event, methodsOf)
      if (event.handled) return
    }
    const body: unknown = await router(event)
    // A stream has answered by itself.
    if (event.handled) return
    const context = currentContext()
    if (context) {
      setContextHeaders(event, context)
      setConsistency(event, config, context)
    }
    if (body === null) return void sendNoContent(event)
    if (typeof body === 'string') return answer(event, body, 'text/html')
    if (Buffer.isBuffer(body)) return answer(event, body, 'application/octet-stream')
    if (isStream(body)) return void await sendStream(event, body)
    return answer(event, JSON.stringify(body), 'application/json')
  }
}

function answer({ node: { res } }: H3Event, body: string | Buffer, type: string) {
  if (res.statusCode !== 304 && !res.hasHeader('Content-Type')) res.setHeader('Content-Type', type)
  res.end(body)
}
