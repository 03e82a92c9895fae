/**
 * One message of PostgreSQL's protocol, as it stood on the wire. `type` is null for a start-up message, which
 * has none.
 */
export interface Frame {
  type: string | null
  bytes: Buffer
}

/**
 * Cuts a byte stream into PostgreSQL's messages; what is not whole yet is kept for the next call. No TLS, no
 * GSS.
 */
export function createFrameReader(from: 'client' | 'server'): (chunk: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0)
  let untyped = from === 'client'
  return (chunk) => {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk
    const frames: Frame[] = []
    for (;;) {
      if (rest.length < (untyped ? 8 : 5)) return frames
      const length = untyped ? rest.readInt32BE(0) : 1 + rest.readInt32BE(1)
      if (rest.length < length) return frames
      const bytes = rest.subarray(0, length)
      frames.push({ type: untyped ? null : String.fromCharCode(bytes[0]!), bytes })
      rest = rest.subarray(length)
      // Protocol 3.x: the real start-up message. A request to cancel has another code and nothing after it.
      if (untyped && bytes.readInt32BE(4) >>> 16 === 3) untyped = false
    }
  }
}

/** The SQL of a simple query or of a Parse; null for any other message. */
export function sqlOf({ type, bytes }: Frame): string | null {
  if (type === 'Q') return bytes.toString('utf8', 5, bytes.length - 1)
  if (type !== 'P') return null
  const start = bytes.indexOf(0, 5) + 1
  return bytes.toString('utf8', start, bytes.indexOf(0, start))
}

/** The tag of a CommandComplete, such as `COMMIT` or `INSERT 0 1`; null for any other message. */
export function commandTag({ type, bytes }: Frame): string | null {
  return type === 'C' ? bytes.toString('latin1', 5, bytes.length - 1) : null
}
