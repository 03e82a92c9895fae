/** A tally is told this often at most; who sends what is counted must not fill the log either. */
const tellEveryMs = 10_000

/** Names in a line; the rest is counted together. */
const maxNames = 50

/** Under which what is past `maxNames` is counted. */
const others = 'others'

/**
 * Counts by name, and gives what it has counted to `say` once in a while: at a call of `tell`, so the last
 * counts wait for the next one.
 */
export function createTally(say: (counts: Record<string, number>) => void, now: () => number = Date.now) {
  const counts = new Map<string, number>()
  let saidAt = -Infinity

  return {
    add(name: string): void {
      const known = counts.has(name) || counts.size < maxNames ? name : others
      counts.set(known, (counts.get(known) ?? 0) + 1)
    },
    tell(): void {
      if (counts.size === 0 || now() - saidAt < tellEveryMs) return
      say(Object.fromEntries(counts))
      counts.clear()
      saidAt = now()
    },
  }
}
