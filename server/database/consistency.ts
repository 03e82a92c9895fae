import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

/**
 * Where a server stands: what `database_position()` says. Each failover begins a new timeline. `lsn` counts
 * bytes of WAL (as a number: 2^53 bytes are 8 PiB).
 */
export interface WalPosition {
  role: 'primary' | 'replica'
  timeline: number
  lsn: number
  /**
   * Of a replica's snapshot: the first transaction that it has heard nothing of. (Of a primary's the oldest
   * that is under way, which nobody looks at any more.)
   */
  xid: number
}

/**
 * What a caller has seen: the least that a server must have to answer it. It travels with the caller (cookie
 * or header), so that no instance and no Redis has to remember it.
 */
export interface Token {
  /** PostgreSQL's system identifier: positions of another cluster mean nothing here. */
  cluster: string
  timeline: number
  lsn: number
  /**
   * 0, or a position that was seen on a replica. A replica shows a commit as soon as it has replayed it, the
   * primary only once a synchronous standby has confirmed it: before the primary answers, it must have been
   * confirmed up to here.
   */
  confirm: number
  /**
   * 0, or the first transaction that the replica had heard nothing of. A commit that has stopped waiting is
   * visible on the primary only once its back end has been scheduled, milliseconds later on a busy machine:
   * before the primary answers, what was committed before this one must be visible there (`visible.ts`).
   */
  xid: number
}

/**
 * The position after a write could not be found out: nothing but the primary will do, until its answer gives
 * a real one.
 */
export const unknownLsn = Number.MAX_SAFE_INTEGER

const ownCluster = '(SELECT system_identifier FROM pg_control_system())'

/**
 * SQL for where a server stands, for `parseWalPosition`, and what else is to be asked for with it: as long as
 * no look at a server has succeeded, its cluster. Without it nothing that this answer shows could be
 * remembered, and the next one might be older.
 */
export function locating(cluster: string | null): { locate: string, also: string[] } {
  if (cluster !== null) return { locate: `database_position(${cluster})`, also: [] }
  return { locate: `database_position(${ownCluster})`, also: [`${ownCluster} AS cluster`] }
}

/** "0/19B63C8" as a number of bytes. */
export function parseLsn(text: string): number {
  const [high = '', low = ''] = text.split('/')
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16)
}

/** Reads `p 3 0/5000028 750`. */
export function parseWalPosition(text: string): WalPosition {
  const [role, timeline, lsn = '', xid] = text.split(' ')
  return {
    role: role === 'p' ? 'primary' : 'replica',
    timeline: Number(timeline),
    lsn: parseLsn(lsn),
    xid: Number(xid),
  }
}

/**
 * Whether a server at `position` has all that `token` has seen.
 *
 * A server on a later timeline has, whatever the numbers: what the old timeline had past the point where the
 * new one began is in no surviving server, and everything before it is in this one (a replica is on a
 * timeline only once it has replayed the row that says so, written after that point). A server on an earlier
 * timeline has not: it may stand past the number and lack the bytes. On the same one numbers compare.
 */
export function hasSeen(position: WalPosition, token: Token): boolean {
  if (position.timeline !== token.timeline) return position.timeline > token.timeline
  // The primary of a timeline has all of it; a token past its end is a mistake or a stand-in (`unknownLsn`),
  // and must lock nobody out.
  return position.role === 'primary' || position.lsn >= token.lsn
}

/**
 * The token of somebody who has seen `token` and now `position`. `confirmed`: the token for which the primary
 * has just answered, also for what had been seen on replicas. What was seen on one since, by another read of
 * the same request, is kept.
 */
export function advance(
  token: Token | null,
  cluster: string,
  position: WalPosition,
  confirmed: Token | null = null,
): Token {
  const own: Token = {
    cluster,
    timeline: position.timeline,
    lsn: position.lsn,
    ...(position.role === 'replica' ? { confirm: position.lsn, xid: position.xid } : { confirm: 0, xid: 0 }),
  }
  if (!token || token.timeline < position.timeline) return own
  if (token.timeline > position.timeline) return token
  // On a primary a token past the end is put right.
  const lsn = position.role === 'primary' ? position.lsn : Math.max(token.lsn, own.lsn)
  if (
    confirmed
    && confirmed.timeline === token.timeline
    && confirmed.confirm >= token.confirm
    && confirmed.xid >= token.xid
  )
    return { ...own, lsn }
  return { ...own, lsn, confirm: Math.max(token.confirm, own.confirm), xid: Math.max(token.xid, own.xid) }
}

/**
 * The later of two tokens: of both, what each has seen. Positions of two clusters cannot be compared: then it
 * is `present`, which came from where the caller is now (after a restore a cookie may be left of the cluster
 * that was).
 */
export function later(present: Token | null, other: Token | null): Token | null {
  if (!present || !other) return present ?? other
  if (present.cluster !== other.cluster) return present
  if (present.timeline !== other.timeline) return present.timeline > other.timeline ? present : other
  return {
    ...present,
    lsn: Math.max(present.lsn, other.lsn),
    confirm: Math.max(present.confirm, other.confirm),
    xid: Math.max(present.xid, other.xid),
  }
}

export interface TokenCodec {
  encode(token: Token): string
  /** Null for anything that `encode` did not make. */
  decode(text: string): Token | null
}

/** Tokens as they are, for programs that trust their callers: tests and jobs. */
export const plainTokens: TokenCodec = {
  encode: ({ cluster, timeline, lsn, confirm, xid }) =>
    `${cluster}.${timeline}.${lsn.toString(36)}.${confirm.toString(36)}.${xid.toString(36)}`,
  decode(text) {
    const match = /^(\d{1,20})\.(\d{1,9})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})$/.exec(text)
    if (!match) return null
    const [lsn, confirm, xid] = match.slice(3).map(digits => Number.parseInt(digits, 36)) as [
      number,
      number,
      number,
    ]
    return [lsn, confirm, xid].every(Number.isSafeInteger)
      ? { cluster: match[1]!, timeline: Number(match[2]), lsn, confirm, xid }
      : null
  },
}

/**
 * Tokens with a signature, so that nobody can make one up that sends all reads to the primary. 128 bits of
 * HMAC-SHA-256 under a key that is derived from the first password; those of the others are taken too, so
 * that passwords can be rotated.
 */
export function sealedTokens(passwords: readonly string[]): TokenCodec {
  const keys = passwords.map(password =>
    createSecretKey(createHmac('sha256', password).update('consistency token').digest()))
  const seal = (text: string, key: KeyObject) => createHmac('sha256', key).update(text).digest().subarray(0, 16)
  return {
    encode(token) {
      const text = plainTokens.encode(token)
      return `${text}.${seal(text, keys[0]!).toString('base64url')}`
    },
    decode(sealed) {
      if (sealed.length > 128) return null
      const end = sealed.lastIndexOf('.')
      const text = sealed.slice(0, Math.max(0, end))
      const shown = Buffer.from(sealed.slice(end + 1), 'base64url')
      if (shown.length !== 16 || !keys.some(key => timingSafeEqual(seal(text, key), shown))) return null
      return plainTokens.decode(text)
    },
  }
}
