import type { Operation } from '../history.ts'

/**
 * The longest time within `from` to `to` in which somebody waited and nobody was served: between two
 * operations that were done, counted from the moment at which the first of those that wait had begun.
 * Seconds.
 */
export function secondsWithout(operations: Operation[], { from, to }: { from: number, to: number }): number {
  const served = operations
    .filter(({ outcome, endedAt }) => outcome === 'done' && endedAt >= from && endedAt <= to)
    .map(({ endedAt }) => endedAt)
    .sort((a, b) => a - b)
  const byStart = operations.toSorted((a, b) => a.startedAt - b.startedAt)
  const moments = [from, ...served, to]
  let longest = 0
  for (let n = 1; n < moments.length; n++) {
    const [begin, end] = [moments[n - 1]!, moments[n]!]
    if (end - begin <= longest) continue
    const waiting = byStart.find(({ startedAt, endedAt }) => startedAt < end && endedAt > begin)
    if (waiting) longest = Math.max(longest, end - Math.max(begin, waiting.startedAt))
  }
  return seconds(longest)
}

/**
 * The longest that one operation took until it was done, among those that were under way within the time.
 * Seconds; 0 where there is none.
 */
export function longestWait(operations: Operation[], within: { from: number, to: number }): number {
  return seconds(
    Math.max(
      0,
      ...underWay(operations, within)
        .filter(({ outcome }) => outcome === 'done')
        .map(({ startedAt, endedAt }) => endedAt - startedAt),
    ),
  )
}

/**
 * Of what was done, from the person's click to the answer, every repetition included. Milliseconds; null
 * where there is none.
 */
export function percentile(
  operations: Operation[],
  share: number,
  within: { from: number, to: number },
): number | null {
  const waits = underWay(operations, within)
    .filter(({ outcome }) => outcome === 'done')
    .map(({ startedAt, endedAt }) => endedAt - startedAt)
    .sort((a, b) => a - b)
  return waits.length
    ? Math.round(waits[Math.min(waits.length - 1, Math.ceil(share * waits.length) - 1)]!)
    : null
}

function underWay(operations: Operation[], { from, to }: { from: number, to: number }): Operation[] {
  return operations.filter(({ startedAt, endedAt }) => endedAt >= from && startedAt <= to)
}

/**
 * Attempts of changes and points that had no answer, or one that says "not now", and were sent again with the
 * same key: people waited for them, and nothing failed in their eyes. By what was answered; `no answer` for
 * status 0.
 */
export function repeatedAttempts(operations: Operation[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { attempts } of operations) {
    for (const { status } of attempts.slice(0, -1)) {
      const name = status ? String(status) : 'no answer'
      counts[name] = (counts[name] ?? 0) + 1
    }
  }
  return counts
}

/** Rounded to hundredths. */
export function seconds(ms: number): number {
  return Math.round(ms / 10) / 100
}
