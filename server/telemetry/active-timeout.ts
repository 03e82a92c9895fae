/** A share of the limit; a loop that stood still for any time costs one. */
const steps = 10

/**
 * Calls `tooLate` once the event loop has been turning for `ms`, and returns how to call that off. For judging others by how long they take: while this
 * process itself stands still (a page rendered for the first time, a machine out of breath), an answer may long have arrived that nobody has read. A plain
 * timer fires first then, before the sockets are read, and condemns a server that answered in time.
 */
export function setActiveTimeout(ms: number, tooLate: () => void): () => void {
  let left = steps
  let last: NodeJS.Immediate | undefined
  // An interval that was held up does not make up for the turns it missed.
  const timer = setInterval(() => {
    if (--left > 0) return
    clearInterval(timer)
    // Whatever arrived up to this moment is read first.
    last = setImmediate(tooLate)
  }, Math.ceil(ms / steps))
  return () => {
    clearInterval(timer)
    clearImmediate(last)
  }
}
