import { deleteCookie, setCookie, setResponseHeader, type H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { later, sealedTokens, type Token, type TokenCodec } from '#server/database/consistency.ts'
import type { RequestContext } from '#server/telemetry/context.ts'
import { routerMetrics } from '#server/telemetry/database-metrics.ts'
import { isUnsafe } from './context.ts'
import { cookieForm, readCookie } from './session-cookie.ts'

const headerName = 'Fleet2-Consistency'

/**
 * Two cookies, because the answers of requests that a browser made at once arrive in any order, and the last
 * one sets the cookie: what was read a moment earlier must not take the place of what was written. Two
 * changes at once can still do that to each other, and two reads; then the browser's own code, which keeps
 * the latest token of all answers and sends it as the header, has the right one.
 */
const cookies = { written: 'fleet2-written', seen: 'fleet2-seen' } as const

/** No replica that is further behind is asked (the largest lag limit that can be configured). */
const cookieSeconds = 3_600

/** Where the token that came with a request is kept, to tell whether it has changed. */
const broughtKey = 'fleet2-consistency'

const codecs = new WeakMap<Config, TokenCodec>()

function codec(config: Config): TokenCodec {
  const known = codecs.get(config) ?? sealedTokens(config.sessionPasswords)
  codecs.set(config, known)
  return known
}

/**
 * The latest of what the header and the cookies say, remembered with the request; null if there is nothing.
 * What nobody here has sealed is left out and counted: never an error. So is what is of another cluster than
 * the present one (null: not known yet): after a restore a cookie may be left of the one before.
 */
export function bringConsistency(event: H3Event, config: Config, cluster: string | null): string | null {
  const { decode, encode } = codec(config)
  const header = event.node.req.headers[headerName.toLowerCase()]
  const shown = [
    typeof header === 'string' ? header : undefined,
    ...Object.values(cookies).map(name => readCookie(event, cookieForm(event, config, name).name)),
  ]
  let latest: Token | null = null
  for (const text of shown) {
    if (!text) continue
    const token = decode(text)
    if (!token) routerMetrics.token('refused')
    else if (cluster !== null && token.cluster !== cluster) routerMetrics.token('foreign')
    else latest = later(latest, token)
  }
  const brought = latest && encode(latest)
  event.context[broughtKey] = brought
  return brought
}

/** The later of two sealed tokens; of two clusters' tokens `present`. */
export function laterToken(config: Config, present: string | null, other: string | null): string | null {
  if (present === other || !present || !other) return present ?? other
  const { decode, encode } = codec(config)
  const latest = later(decode(present), decode(other))
  return latest && encode(latest)
}

/**
 * Tells the client what it has seen now: only where that is more than what it came with. A token that
 * everybody has passed is taken back.
 */
export function setConsistency(event: H3Event, config: Config, context: RequestContext) {
  if (event.node.res.headersSent) return
  const brought = event.context[broughtKey] as string | null | undefined
  const token = context.consistencyToken
  if (token === (brought ?? null)) return
  if (token === null) {
    for (const cookie of Object.values(cookies)) {
      const { name, secure } = cookieForm(event, config, cookie)
      if (readCookie(event, name))
        deleteCookie(event, name, { httpOnly: true, secure, sameSite: 'lax', path: '/' })
    }
    return
  }
  setResponseHeader(event, headerName, token)
  const { name, secure } = cookieForm(event, config, isUnsafe(event.method) ? cookies.written : cookies.seen)
  setCookie(event, name, token, { httpOnly: true, secure, sameSite: 'lax', path: '/', maxAge: cookieSeconds })
}
