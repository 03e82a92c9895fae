/** The limit is counted in this many steps; a blocked event loop loses at most one of them. */
const steps = 10

/**
 * Calls `tooLate` once the event loop has been running for `ms`, and returns a function that cancels it. Use
 * it to judge how long another server takes. While this process itself is blocked (a page rendered for the
 * first time, an overloaded machine), the answer may have arrived without having been read. A plain timer
 * then fires before the sockets are read, and blames a server that answered in time.
 *
 * `ms` may be made of a moment that has passed, and is 0 then: Node warns of a timer below 0.
 */
export function setActiveTimeout(ms: number, tooLate: () => void): () => void {
  let left = steps
  let last: NodeJS.Immediate | undefined
  // An interval that was delayed does not catch up on the ticks it missed.
  const timer = setInterval(() => {
    if (--left > 0) return
    clearInterval(timer)
    // Whatever has arrived by now is read first.
    last = setImmediate(tooLate)
  }, Math.max(0, Math.ceil(ms / steps)))
  return () => {
    clearInterval(timer)
    clearImmediate(last)
  }
}
