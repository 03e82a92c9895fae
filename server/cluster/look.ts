import { operationsLooks } from '#server/telemetry/operations-metrics.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import type { Known } from '#shared/operations.ts'

/**
 * One part of the system that can be asked how it does: the port that each adapter of this room fulfils. It
 * rejects with a reason in words, and gives up when the signal says so.
 */
export interface Port<T> {
  /** Who is asked, in words for the operator. */
  readonly source: string
  ask(signal: AbortSignal): Promise<T>
}

/** A part as it is known: the last answer, and since when there is none. */
export interface Look<T> {
  current(): Known<T>
  /** Asks again if the last answer is older than `everyMs`; one question at a time. Never rejects. */
  refresh(): Promise<void>
}

export interface LookOptions<T> {
  /** The metric's label: from a fixed set. */
  part: string
  /** Null: it is not configured. */
  port: Port<T> | null
  /** An answer is good for so long. */
  everyMs: number
  /** Nobody waits longer for one. */
  timeoutMs: number
  now?: () => number
}

export const notConfigured: Known<never> = {
  state: 'not-configured', source: '', value: null, at: null, since: null, reason: null,
}

/** Remembers what a part said, for all who look at the same time. */
export function createLook<T>({ part, port, everyMs, timeoutMs, now = Date.now }: LookOptions<T>): Look<T> {
  let value: T | null = null
  let at: number | null = null
  let failedSince: number | null = null
  let reason: string | null = null
  let askedAt = -Infinity
  let asking: Promise<void> | null = null

  async function ask({ ask }: Port<T>) {
    askedAt = now()
    const stop = new AbortController()
    const tooLate = new Error(`No answer within ${timeoutMs.toLocaleString('en-GB')} ms`)
    const callOff = setActiveTimeout(timeoutMs, () => stop.abort(tooLate))
    try {
      value = await orAborted(ask(stop.signal), stop.signal)
      at = now()
      failedSince = reason = null
    }
    catch (error) {
      // What aborting made fail has failed for want of time.
      reason = inWords(stop.signal.aborted ? tooLate : error)
      failedSince ??= now()
    }
    finally {
      callOff()
      operationsLooks.inc({ part, outcome: reason ? 'failed' : 'answered' })
    }
  }

  return {
    current() {
      if (!port) return notConfigured
      const asked = at !== null || failedSince !== null
      return {
        state: asked && !reason ? 'known' : 'unknown',
        source: port.source,
        value,
        at: iso(at),
        since: iso(failedSince),
        reason: asked ? reason : 'Not asked yet',
      }
    },
    refresh() {
      if (!port || (!asking && now() - askedAt < everyMs)) return asking ?? Promise.resolve()
      asking ??= ask(port).finally(() => {
        asking = null
      })
      return asking
    },
  }
}

export function iso(moment: number | null): string | null {
  return moment === null ? null : new Date(moment).toISOString()
}

/** An adapter that does not heed the signal holds up nobody. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })])
}

/** Reasons that an operator can act on, without secrets. */
export function inWords(error: unknown): string {
  const { cause, code = '', message = '' } = error as { cause?: unknown, code?: string, message?: string }
  if (cause instanceof Error) return inWords(cause)
  if (code === 'ECONNREFUSED') return 'Connection refused'
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'Connection lost'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Host name not found'
  if (code === '28P01' || code === '28000' || code === '08P01') return `Refused: ${message}`.slice(0, 160)
  return (message || code || 'Failed').slice(0, 160)
}
