import { deleteCookie, getCookie, setCookie, type H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { isSecure } from './context.ts'

const cookieName = 'fleet2-session'

/**
 * `__Host-` ties the cookie to this very host and to TLS. Browsers take http://localhost for secure, so it holds there too. On another host over
 * plain HTTP a browser would drop it: for trying Fleet2 out in one's own network the embedded mode then uses a plain one. A real
 * deployment never does.
 */
export function cookieForm(event: H3Event, config: Config, plainName: string = cookieName): { name: string, secure: boolean } {
  const host = (event.node.req.headers.host ?? '').replace(/:\d+$/, '')
  const loopback = host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host)
  const secure = !config.embeddedDatabase || loopback || isSecure(event, config)
  return { name: secure ? `__Host-${plainName}` : plainName, secure }
}

/** The session's secret that the request carries, or undefined. */
export function readSessionCookie(event: H3Event, config: Config): string | undefined {
  return getCookie(event, cookieForm(event, config).name)
}

/** Gives the browser the secret of a session that begins. */
export function setSessionCookie(event: H3Event, config: Config, secret: string, expiresAt: string) {
  const { name, secure } = cookieForm(event, config)
  // Lax: a link from a mail or a chat opens the page signed in; a change from another site is refused by `csrf.ts` besides.
  setCookie(event, name, secret, { httpOnly: true, secure, sameSite: 'lax', path: '/', expires: new Date(expiresAt) })
}

export function clearSessionCookie(event: H3Event, config: Config) {
  const { name, secure } = cookieForm(event, config)
  deleteCookie(event, name, { httpOnly: true, secure, sameSite: 'lax', path: '/' })
}
