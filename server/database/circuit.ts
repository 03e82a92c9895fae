/** Keeps reads away from a pool that fails, and finds out when it is well again. */
export interface Circuit {
  /**
   * Whether to try it now. While it is half open, only one caller at a time is told yes: the trial; and
   * nobody as long as `looksWell` is false, because a trial costs its caller time.
   */
  allows(looksWell?: boolean): boolean
  succeeded(): void
  /** `at once`: it did not answer at all, and each further attempt would cost its caller that long again. */
  failed(options?: { atOnce?: boolean }): void
  /** Nothing was learnt: it was too busy, or the caller left. A trial is to be made again by the next. */
  undecided(): void
  state(): 'closed' | 'half-open' | 'open'
}

/**
 * One or two failures are a connection that was cut, or one of several replicas that is late. Three in a row
 * are the pool.
 */
const failuresToOpen = 3

/**
 * The first pause is short, because most faults are a restart; each trial that fails doubles it, so that a
 * dead replica costs one request in 8 s.
 */
const firstPauseMs = 500
const maxPauseMs = 8_000

/**
 * A trial that never came back (its caller's deadline cut it) must not keep the circuit half open for ever.
 */
const trialLimitMs = 5_000

export function createCircuit({
  now = () => performance.now(),
  onChange = () => {},
}: { now?: () => number, onChange?: (state: 'closed' | 'open') => void } = {}): Circuit {
  let failures = 0
  let openedAt: number | null = null
  let pauseMs = firstPauseMs
  let trialSince: number | null = null

  function open() {
    if (openedAt === null) onChange('open')
    openedAt = now()
    trialSince = null
  }
  const rested = () => openedAt !== null && now() - openedAt >= pauseMs
  return {
    allows(looksWell = true) {
      if (openedAt === null) return true
      if (!rested() || !looksWell || (trialSince !== null && now() - trialSince < trialLimitMs)) return false
      trialSince = now()
      return true
    },
    succeeded() {
      failures = 0
      trialSince = null
      if (openedAt === null) return
      openedAt = null
      pauseMs = firstPauseMs
      onChange('closed')
    },
    failed({ atOnce = false } = {}) {
      if (openedAt !== null) {
        // Those that were under way when it opened say nothing new; a trial does.
        if (trialSince === null) return
        pauseMs = Math.min(maxPauseMs, pauseMs * 2)
        open()
      }
      else if (++failures >= failuresToOpen || atOnce) {
        open()
      }
    },
    undecided() {
      trialSince = null
    },
    state: () => (openedAt === null ? 'closed' : rested() ? 'half-open' : 'open'),
  }
}
