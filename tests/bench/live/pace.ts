/** Makes an event as long as that of a position. */
export const padding = 'x'.repeat(200)

/**
 * Calls `work` with 0 to `count` - 1, `rate` times a second, and the moment of the call. What a late timer
 * missed is made up for.
 */
export async function paced(
  count: number,
  rate: number,
  work: (n: number, t: number) => void,
): Promise<void> {
  const started = performance.now()
  for (let n = 0; n < count;) {
    while (n < count && n <= ((performance.now() - started) / 1000) * rate)
      work(n++, performance.timeOrigin + performance.now())
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
