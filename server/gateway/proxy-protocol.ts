import { isIP } from 'node:net'

/*
 * PROXY protocol, version 1 (HAProxy's proxy-protocol.txt), by which Nginx says whom a connection comes from:
 *
 *   PROXY TCP4 <from> <to> <port> <port>\r\n
 */

const begin = Buffer.from('PROXY ')
/** The longest line of version 1, with its end. */
const longest = 107

export type ProxyHeader
  /** Not known yet: it may still become one. */
  = | { kind: 'incomplete' }
    | { kind: 'none' }
    /** Null: the proxy does not say from where. */
    | { kind: 'header', size: number, address: string | null }
    | { kind: 'malformed' }

/** What stands at the beginning of a connection that a proxy may have opened. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const length = Math.min(bytes.length, begin.length)
  if (!bytes.subarray(0, length).equals(begin.subarray(0, length))) return { kind: 'none' }
  const end = bytes.indexOf('\r\n')
  if (end === -1) return bytes.length < longest ? { kind: 'incomplete' } : { kind: 'malformed' }
  const [, family, from = ''] = bytes.subarray(0, end).toString('latin1').split(' ')
  const size = end + 2
  if (size > longest) return { kind: 'malformed' }
  if (family === 'UNKNOWN') return { kind: 'header', size, address: null }
  const isRight = (family === 'TCP4' && isIP(from) === 4) || (family === 'TCP6' && isIP(from) === 6)
  return isRight ? { kind: 'header', size, address: from } : { kind: 'malformed' }
}
