import { deleteCookie, parseCookies, setCookie, type H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { knownDeviceSeconds } from '#server/identity/known-devices.ts'
import { isSecure } from './context.ts'

const cookieName = 'fleet2-session'
/** A sealed proof that stands in for Redis; worth nothing without the secret beside it. */
const proofName = 'fleet2-proof'
/** Opens nothing: see `server/identity/known-devices.ts`. */
const deviceName = 'fleet2-device'

/**
 * `__Host-` ties the cookie to this very host and to TLS. Browsers take http://localhost for secure, so it
 * holds there too. On another host over plain HTTP a browser would drop it: for trying Fleet2 out in one's
 * own network the embedded mode then uses a plain one. A real deployment never does.
 */
export function cookieForm(
  event: H3Event,
  config: Config,
  plainName: string = cookieName,
): { name: string, secure: boolean } {
  const secure = !config.embeddedDatabase || isLoopback(event) || isSecure(event, config)
  return { name: secure ? `__Host-${plainName}` : plainName, secure }
}

function isLoopback(event: H3Event): boolean {
  const host = (event.node.req.headers.host ?? '').replace(/:\d+$/, '')
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host)
}

/** Half a dozen are looked for in each request; h3 reads the header anew for each. */
const brought = new WeakMap<H3Event, Partial<Record<string, string>>>()

/** A cookie that the request carries, or undefined. */
export function readCookie(event: H3Event, name: string): string | undefined {
  const cookies = brought.get(event) ?? parseCookies(event)
  brought.set(event, cookies)
  return cookies[name]
}

/** The session's secret that the request carries, or undefined. */
export function readSessionCookie(event: H3Event, config: Config): string | undefined {
  return readCookie(event, cookieForm(event, config).name)
}

/** The session's sealed proof that the request carries, or undefined. */
export function readProofCookie(event: H3Event, config: Config): string | undefined {
  return readCookie(event, cookieForm(event, config, proofName).name)
}

/** What the browser shows of its having signed in before, or undefined. */
export function readDeviceCookie(event: H3Event, config: Config): string | undefined {
  return readCookie(event, cookieForm(event, config, deviceName).name)
}

/**
 * Gives the browser the secret and the proof of a session that begins, and what it is known by when it signs
 * in again.
 */
export function setSessionCookie(
  event: H3Event,
  config: Config,
  { secret, proof, deviceCookie }: { secret: string, proof: string, deviceCookie: string },
  expiresAt: string,
) {
  const device = cookieForm(event, config, deviceName)
  // Strict: only our own page signs anybody in. It outlives the session, and signing out.
  setCookie(event, device.name, deviceCookie, {
    httpOnly: true,
    secure: device.secure,
    sameSite: 'strict',
    path: '/',
    maxAge: knownDeviceSeconds,
  })
  setProofCookie(event, config, proof, expiresAt)
  const { name, secure } = cookieForm(event, config)
  // Lax: a link from a mail or a chat opens the page signed in; a change from another site is refused by
  // `csrf.ts` besides.
  setCookie(event, name, secret, {
    httpOnly: true,
    secure,
    sameSite: 'lax',
    path: '/',
    expires: new Date(expiresAt),
  })
}

/** Gives the browser a new proof for the session that it has. */
export function setProofCookie(event: H3Event, config: Config, proof: string, expiresAt: string) {
  const { name, secure } = cookieForm(event, config, proofName)
  setCookie(event, name, proof, {
    httpOnly: true,
    secure,
    sameSite: 'lax',
    path: '/',
    expires: new Date(expiresAt),
  })
}

export function clearSessionCookie(event: H3Event, config: Config) {
  for (const cookie of [cookieName, proofName]) {
    const { name, secure } = cookieForm(event, config, cookie)
    deleteCookie(event, name, { httpOnly: true, secure, sameSite: 'lax', path: '/' })
  }
}
