import { msUntil, type Moment } from '#server/telemetry/context.ts'

/**
 * Holds back writes while the primary does not answer: a few go ahead and find out when it does, the rest
 * wait here and not in the pooler's queue. Whoever gives up leaves here for nothing, where it would cost a
 * connection there; and nobody stands behind those who have given up.
 *
 * The same where it answers and its commits do not, because they wait for a standby that is away: each more
 * would be one more back end that waits there until it returns.
 */
export interface Gate {
  /** Resolves when a write may go ahead, or at `until`. */
  enter(until: Moment, signal?: AbortSignal): Promise<Passage>
  /** Writes that wait here. */
  waiting(): number
}

export interface Passage {
  /**
   * The primary of this timeline has answered BEGIN. False: commits are waiting on it, and this write had
   * better not join them.
   */
  answered(timeline: number): boolean
  /**
   * COMMIT goes out. Returns what is to be called when it has been answered, or (false) its connection has
   * ended.
   */
  committing(): (answered: boolean) => void
  /** It has ended, whatever became of it. May be called more than once. */
  left(): void
}

/**
 * A BEGIN is answered in milliseconds. One that takes this long waits for a primary, or for a server
 * connection behind a long queue.
 */
const stalledMs = 300

/** A COMMIT waits for a standby's disk as well. */
const commitStalledMs = 1_000

/** So many find out. More than one, because each may have met a connection that is dead in its own way. */
const scouts = 3

/**
 * While commits wait, one write in this time asks whether the primary is still the same: a connection to a
 * former one may wait for ever.
 */
const askMs = 1_000

/** @param maxCommits so many may wait for their standby before the others are held. */
export function createGate(maxCommits = scouts, now = () => performance.now()): Gate {
  const begins = createStage(scouts, stalledMs, now)
  const commits = createStage(maxCommits, commitStalledMs, now)
  const queue = new Set<() => void>()
  let askedAt = -Infinity

  const isStalled = () => begins.isStalled() || commits.isStalled()

  /** All of them after an answer; after one has ended without, the next may find out. */
  function wake(all: boolean) {
    for (const go of queue) {
      go()
      if (!all) return
    }
  }

  function waitTurn(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer)
        queue.delete(go)
        signal?.removeEventListener('abort', go)
        resolve()
      }
      const timer = setTimeout(go, Math.max(0, ms))
      signal?.addEventListener('abort', go)
      queue.add(go)
    })
  }

  /** Whether this one may go ahead and ask, although commits are waiting. */
  function mayAsk(): boolean {
    if (begins.isStalled() || now() - askedAt < askMs) return false
    askedAt = now()
    return true
  }

  return {
    async enter(until, signal) {
      while (isStalled() && msUntil(until) > 0 && !signal?.aborted && !mayAsk()) {
        await waitTurn(begins.isStalled() ? msUntil(until) : Math.min(msUntil(until), askMs), signal)
      }
      const key = Symbol()
      let on = 0
      begins.add(key, 0)
      return {
        answered(timeline) {
          on = timeline
          if (begins.answered(key)) wake(true)
          return !commits.isStalled(timeline)
        },
        committing() {
          const commit = Symbol()
          commits.add(commit, on)
          return (answered) => {
            if (answered ? commits.answered(commit) : commits.left(commit)) wake(answered)
          }
        },
        left() {
          if (begins.left(key)) wake(false)
        },
      }
    },
    waiting: () => queue.size,
  }
}

/**
 * Those who wait for one kind of answer. Stalled: as many as find out do, one of them for long, and nobody
 * has had one meanwhile.
 */
function createStage(most: number, afterMs: number, now: () => number) {
  const unanswered = new Map<symbol, { since: number, timeline: number }>()
  let lastAnswerAt = -Infinity
  return {
    add: (key: symbol, timeline: number) => void unanswered.set(key, { since: now(), timeline }),
    answered(key: symbol): boolean {
      if (!unanswered.delete(key)) return false
      lastAnswerAt = now()
      return true
    },
    left: (key: symbol) => unanswered.delete(key),
    /** @param timeline those of this one alone. */
    isStalled(timeline?: number): boolean {
      if (unanswered.size < most || now() - lastAnswerAt < afterMs) return false
      const counted
        = timeline === undefined
          ? [...unanswered.values()]
          : [...unanswered.values()].filter(one => one.timeline === timeline)
      return counted.length >= most && counted.some(({ since }) => now() - since >= afterMs)
    },
  }
}
