import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'

/** The result of one run of a check. `reason` is set whenever it is not healthy. */
export interface Finding {
  status: 'healthy' | 'degraded' | 'unhealthy'
  reason: string | null
  /** What the health report shows besides status and reason. */
  details: Record<string, unknown>
}

export interface Check {
  readonly name: string
  /** The last result after hysteresis, from memory. */
  current(): Finding & { checkedAt: number }
  /** Resolves after the first run. A second call does nothing. */
  start(): Promise<void>
  stop(): void
}

export interface CheckOptions {
  name: string
  /** One run. It may reject or never end: both count as a failure. */
  look(): Promise<Finding>
  /** Interval while all is well. */
  pollMs: number
  /** Interval while anything is wrong, or has just been. */
  degradedPollMs: number
  timeoutMs: number
  onChange(): void
}

/**
 * From the specification: three failures in a row make a check unhealthy, two successes make it healthy
 * again.
 */
const failuresToTurn = 3
const successesToTurn = 2

/**
 * Runs in the background at regular intervals, so that callers are answered from memory whatever the state of
 * what is checked. A single failure changes nothing yet. Until the first run has ended the check counts as
 * healthy.
 */
export function createCheck({
  name,
  look,
  pollMs,
  degradedPollMs,
  timeoutMs,
  onChange,
}: CheckOptions): Check {
  let shown: Finding = { status: 'healthy', reason: null, details: {} }
  let checkedAt = Date.now()
  let looks = 0
  let failures = 0
  let successes = 0
  let timer: NodeJS.Timeout | undefined
  let first: Promise<void> | null = null
  let stopped = false

  async function turn() {
    const finding = await bounded(look, timeoutMs)
    if (stopped) return
    checkedAt = Date.now()
    const failed = finding.status === 'unhealthy'
    failures = failed ? failures + 1 : 0
    successes = failed ? 0 : successes + 1
    const before = `${shown.status} ${shown.reason}`
    const isUnhealthy = shown.status === 'unhealthy'
    // The first run counts at once: an instance that starts must not report for three rounds that all is
    // well.
    if (
      looks++ === 0
      || (failed ? failures >= failuresToTurn || isUnhealthy : successes >= successesToTurn || !isUnhealthy)
    )
      shown = finding
    if (`${shown.status} ${shown.reason}` !== before) onChange()
    const calm = shown.status === 'healthy' && failures === 0
    timer = setTimeout(turn, calm ? pollMs : degradedPollMs)
    timer.unref()
  }

  return {
    name,
    current: () => ({ ...shown, checkedAt }),
    start: () => (first ??= turn()),
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function bounded(look: () => Promise<Finding>, timeoutMs: number): Promise<Finding> {
  let callOff = () => {}
  const tooLate = new Promise<Finding>((resolve) => {
    callOff = setActiveTimeout(timeoutMs, () =>
      resolve({ status: 'unhealthy', reason: `No answer within ${timeoutMs} ms`, details: {} }),
    )
  })
  try {
    return await Promise.race([look(), tooLate])
  }
  catch (error) {
    return {
      status: 'unhealthy',
      reason: error instanceof Error ? error.message : String(error),
      details: {},
    }
  }
  finally {
    callOff()
  }
}
