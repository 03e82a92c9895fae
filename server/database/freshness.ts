import type { Position } from './consistency.ts'

/**
 * How old what a server at some position shows is, from where the primary was seen to be, and when. Positions instead of clocks: an idle
 * primary makes no replica late, a replica that lost its upstream is, and nobody's clock has to be right.
 */
export interface Freshness {
  /** The primary was seen there just now. */
  primaryWasAt(position: Position): void
  /**
   * Seconds for which what the primary has written is missing at `position`; 0 when it has all that is known to be. With no primary in sight, time
   * counts from when it was last seen. Null: not known, because nothing that old has been seen.
   */
  ageSeconds(position: Position, options?: { primaryInSight?: boolean }): number | null
}

/** Ten minutes of looks at one a second: past it a replica is late by any measure. */
const mostKept = 600

/** A replica that lacks what the primary had when this instance began to look is late if it still does after this long. */
const firstLookGraceSeconds = 2

export function createFreshness(now: () => number = () => performance.now()): Freshness {
  const seen: { at: number, timeline: number, lsn: number }[] = []
  const covers = (position: Position, mark: { timeline: number, lsn: number }) =>
    position.timeline > mark.timeline || (position.timeline === mark.timeline && position.lsn >= mark.lsn)
  return {
    primaryWasAt({ timeline, lsn }) {
      const last = seen.at(-1)
      // While the primary writes nothing, the moment of the mark moves on.
      if (last && last.timeline === timeline && last.lsn === lsn) last.at = now()
      else seen.push({ at: now(), timeline, lsn })
      if (seen.length > mostKept) seen.shift()
    },
    ageSeconds(position, { primaryInSight = true } = {}) {
      const newest = seen.at(-1)
      if (!newest) return null
      if (covers(position, newest)) return primaryInSight ? 0 : (now() - newest.at) / 1000
      const last = seen.findLast(mark => covers(position, mark))
      if (last) return (now() - last.at) / 1000
      const lookedFor = (now() - seen[0]!.at) / 1000
      return lookedFor > firstLookGraceSeconds ? Infinity : null
    },
  }
}
