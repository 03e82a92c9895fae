import { isIPv6 } from 'node:net'

export interface HostPort {
  /** A name or an address; an IPv6 address without its brackets. */
  host: string
  port: number
}

/** Reads `host:port`; an IPv6 address stands in brackets, as in `[::1]:26379`. Null: it is none. */
export function parseHostPort(text: string): HostPort | null {
  const [, bracketed, name, digits] = /^(?:\[([^\]]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (!digits || port < 1 || port > 65_535) return null
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : null
  return { host: name!, port }
}

/** The other way round: brackets where there must be some. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
