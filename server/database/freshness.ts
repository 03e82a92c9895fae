import type { WalPosition } from './consistency.ts'

/**
 * How old what a server at some position shows is, from where the primary was seen to be, and when. Positions
 * instead of clocks: an idle primary makes no replica late, a replica that lost its upstream is, and nobody's
 * clock has to be right.
 */
export interface Freshness {
  /** The primary is at this position now. */
  recordPrimary(position: WalPosition): void
  /**
   * Seconds for which what the primary has written is missing at `position`; 0 when it has all that is known
   * to be. With no primary reachable, time counts from when it was last seen. Null: not known, because
   * nothing that old has been seen.
   */
  ageSeconds(position: WalPosition, options?: { primaryReachable?: boolean }): number | null
}

/** Ten minutes at one probe a second: beyond that a replica is late by any measure. */
const maxKept = 600

/**
 * A replica that lacks what the primary had when this instance began to look is late if it still does after
 * this long.
 */
const firstLookGraceSeconds = 2

export function createFreshness(now: () => number = () => performance.now()): Freshness {
  const seen: { at: number, timeline: number, lsn: number }[] = []
  const covers = (position: WalPosition, mark: { timeline: number, lsn: number }) =>
    position.timeline > mark.timeline || (position.timeline === mark.timeline && position.lsn >= mark.lsn)
  return {
    recordPrimary({ timeline, lsn }) {
      const last = seen.at(-1)
      // While the primary writes nothing, the moment of the mark moves on.
      if (last && last.timeline === timeline && last.lsn === lsn) last.at = now()
      else seen.push({ at: now(), timeline, lsn })
      if (seen.length > maxKept) seen.shift()
    },
    ageSeconds(position, { primaryReachable = true } = {}) {
      const newest = seen.at(-1)
      if (!newest) return null
      if (covers(position, newest)) return primaryReachable ? 0 : (now() - newest.at) / 1000
      const last = seen.findLast(mark => covers(position, mark))
      if (last) return (now() - last.at) / 1000
      const lookedFor = (now() - seen[0]!.at) / 1000
      return lookedFor > firstLookGraceSeconds ? Infinity : null
    },
  }
}
