import { isIP } from 'node:net'

export interface HostPort {
  /** A name or an address; an IPv6 one without its brackets. */
  host: string
  port: number
}

/** Names as DNS and container networks have them: the latter allow underscores. */
const nameForm = /^\w(?:[\w.-]*\w)?$/

/**
 * `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; null if it is none of them. An IPv6 address needs
 * its brackets: without them nobody can tell where it ends.
 */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text.trim())
  if (!match) return null
  const [, bracketed, plain] = match
  const port = Number(match[3])
  if (port < 1 || port > 65_535) return null
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : null
  // Nothing but digits and dots that is no address is a slip of the hand, not a name.
  if (!nameForm.test(plain!) || (/^[\d.]+$/.test(plain!) && isIP(plain!) !== 4)) return null
  return { host: plain!, port }
}

/** The same text that `parseHostPort` reads. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
