import { msUntil, type Moment } from '#server/telemetry/context.ts'

/**
 * Holds back writes while the primary does not answer: a few go ahead and find out when it does, the rest wait here and not in the pooler's queue. Whoever gives up
 * leaves here for nothing, where it would cost a connection there; and nobody stands behind those who have given up.
 */
export interface Gate {
  /** Resolves when a write may go ahead, or at `until`. Returns what is to be called when the primary has answered its BEGIN, and when it has ended: both may be called more than once. */
  enter(until: Moment, signal?: AbortSignal): Promise<{ answered(): void, left(): void }>
  /** Writes that wait here. */
  waiting(): number
}

/** A BEGIN is answered in milliseconds. One that takes this long waits for a primary, or for a server connection behind a long queue. */
const stalledMs = 300

/** So many find out. More than one, because each may have met a connection that is dead in its own way. */
const scouts = 3

export function createGate(now = () => performance.now()): Gate {
  /** Since when each unanswered BEGIN has been under way. */
  const unanswered = new Map<symbol, number>()
  const queue = new Set<() => void>()
  let lastAnswerAt = -Infinity

  function isStalled(): boolean {
    if (unanswered.size < scouts || now() - lastAnswerAt < stalledMs) return false
    for (const since of unanswered.values()) if (now() - since >= stalledMs) return true
    return false
  }

  /** All of them after an answer; after one has ended without, the next may find out. */
  function wake(all: boolean) {
    for (const go of queue) {
      go()
      if (!all) return
    }
  }

  function waitTurn(until: Moment, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer)
        queue.delete(go)
        signal?.removeEventListener('abort', go)
        resolve()
      }
      const timer = setTimeout(go, Math.max(0, msUntil(until)))
      signal?.addEventListener('abort', go)
      queue.add(go)
    })
  }

  return {
    async enter(until, signal) {
      while (isStalled() && msUntil(until) > 0 && !signal?.aborted) await waitTurn(until, signal)
      const key = Symbol()
      unanswered.set(key, now())
      return {
        answered() {
          if (!unanswered.delete(key)) return
          lastAnswerAt = now()
          wake(true)
        },
        left() {
          if (unanswered.delete(key)) wake(false)
        },
      }
    },
    waiting: () => queue.size,
  }
}
