/**
 * The later of two consistency tokens, as far as their readable part tells:
 * `cluster.timeline.lsn.confirm.xid.signature`, lsn in base 36. What has another form is taken to be as late
 * as it came. Only the server, which knows the signature, trusts a token; this is for choosing which to send.
 */
export function laterToken(known: string, arriving: string): string {
  const [a, b] = [readable(known), readable(arriving)]
  if (!a || !b || a.cluster !== b.cluster) return arriving
  if (a.timeline !== b.timeline) return a.timeline > b.timeline ? known : arriving
  return a.lsn > b.lsn ? known : arriving
}

function readable(token: string) {
  const match = /^(\d+)\.(\d+)\.([0-9a-z]+)\./.exec(token)
  return match && { cluster: match[1]!, timeline: Number(match[2]), lsn: Number.parseInt(match[3]!, 36) }
}
