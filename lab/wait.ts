export const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** A wait has timed out. The message says what for, and what was seen last. */
export class WaitTimeoutError extends Error {}

/**
 * Polls until `look` gives something true, and resolves to it. What it throws counts as "not yet" and is
 * named at the end.
 * @throws {WaitTimeoutError} after the limit; the signal's reason once it is aborted.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  { limitMs, everyMs = 100, signal }: { limitMs: number, everyMs?: number, signal?: AbortSignal },
): Promise<NonNullable<T>> {
  const limit = Date.now() + limitMs
  for (;;) {
    signal?.throwIfAborted()
    let last = ''
    try {
      const found = await look()
      if (found) return found
    }
    catch (error) {
      last = `: ${error instanceof Error ? error.message : error}`
    }
    if (Date.now() >= limit)
      throw new WaitTimeoutError(`Timed out after ${Math.round(limitMs / 1000)} s waiting for ${what}${last}`)
    await pause(everyMs)
  }
}
