import { currentContext } from '#server/telemetry/context.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { AbandonedError, PoolExhaustedError, DeadlineExceededError } from './errors.ts'
import { silenceMs, type Connection } from './pool.ts'

/**
 * A pooler that stands still is found out within milliseconds to half a second: until then nobody judges the
 * server behind it.
 */
const undecidedPauseMs = 50

/**
 * As long as others are answered, one that waits for its first answer stands in the pooler's queue. It waits
 * there no longer than for a connection.
 */
const queueLimitMs = 5_000

/** Whether nobody waits for the present request's answer any more. */
export function isAbandoned(): boolean {
  return currentContext()?.signal?.aborted ?? false
}

/**
 * Whoever goes away takes the request along: what the database has not begun is out of the pooler's queue
 * (after a failover everybody would otherwise wait behind the work of
 * those who had given up: Nginx asks a second instance after 2 s), and a read is ended wherever it is,
 * because nobody needs what is left of it.
 * PostgreSQL notices by `client_connection_check_interval`.
 */
export function onAbandonment(guard: Guard): () => void {
  const signal = currentContext()?.signal
  if (!signal) return () => {}
  const abandon = () => guard.fire({ excuse: new AbandonedError() })
  signal.addEventListener('abort', abandon)
  return () => signal.removeEventListener('abort', abandon)
}

/**
 * Cuts a connection that has not given its first answer in time, and says what that means. Returns how to
 * call it off.
 */
export function awaitFirstAnswer(
  connection: Connection,
  guard: Guard,
  { firstAnswerMs, limit, queues }: { firstAnswerMs: number, limit: number, queues: boolean },
): () => void {
  const began = performance.now()
  const look = () => {
    const passedOver = connection.othersAnswered()
    const waited = performance.now() - began
    if (waited >= limit - 1 && waited < silenceMs) return guard.fire({ excuse: new DeadlineExceededError() })
    if (waited < limit - 1 && connection.undecided()) {
      callOff = setActiveTimeout(undecidedPauseMs, look)
      return
    }
    if (!passedOver || !queues) return guard.fire({ passedOver })
    if (waited >= Math.min(queueLimitMs, limit - 1))
      return guard.fire({ excuse: new PoolExhaustedError('primary') })
    callOff = setActiveTimeout(silenceMs, look)
  }
  // Whoever has stood in a queue in which nobody was answered has waited for the same silence already.
  const firstMs = Math.max(Math.min(silenceMs, firstAnswerMs), firstAnswerMs - connection.silentMs)
  // An answer that has come and has not been read yet is one.
  let callOff = setActiveTimeout(Math.min(firstMs, limit), look)
  return () => callOff()
}

export interface Guard {
  fired: boolean
  /** What the caller is told, where the silence says nothing of the server. */
  excuse: Error | null
  passedOver: boolean
  fire(why?: { excuse?: Error, passedOver?: boolean }): void
  clear(): void
}

/**
 * A server that stopped answering cannot hold a request: past the limit its socket is cut, and the query in
 * flight fails.
 */
export function guardConnection(connection: Connection, limitMs: number): Guard {
  const guard: Guard = {
    fired: false,
    excuse: null,
    passedOver: false,
    fire({ excuse = null, passedOver = false } = {}) {
      guard.fired = true
      guard.excuse = excuse
      guard.passedOver = passedOver
      clearTimeout(timer)
      connection.cut()
    },
    clear: () => clearTimeout(timer),
  }
  const timer = setTimeout(() => guard.fire(), limitMs)
  return guard
}
