import { runOutsideContext } from './context.ts'

/**
 * Timers that repeat. A timer keeps the AsyncLocalStorage in which it was set: one that is set while a
 * request is handled would go on for ever in the context of that request, whose deadline has passed, and
 * every wait inside it would be over at once. So `setInterval` is not used in the server but here (ESLint
 * refuses it).
 */

/**
 * Calls `fn` every `ms` milliseconds, outside of any request. Does not keep the process alive. Returns what
 * ends it.
 */
export function every(ms: number, fn: () => void): () => void {
  const timer = runOutsideContext(() => setInterval(fn, ms))
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Calls `fn` after `ms` milliseconds, outside of any request: for what goes on after the request that began
 * it. Does not keep the process alive. Returns what calls it off.
 */
export function later(ms: number, fn: () => void): () => void {
  const timer = runOutsideContext(() => setTimeout(fn, ms))
  timer.unref()
  return () => clearTimeout(timer)
}
