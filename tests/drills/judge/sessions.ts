import { isRead, isWrite, type Operation, type Read } from '../history.ts'

export interface Backwards {
  /** Looks that showed less than the same session had been shown before they began, without saying so. */
  unmarked: string[]
  /**
   * The same, where the answer said how old it is (`Fleet2-Stale`): what reads may do while there is no
   * primary.
   */
  marked: number
}

/**
 * Looks that went back: showed an older version of a vehicle than any answer the session had had in its hands
 * when the request was sent, an acknowledgement of its own change included; or did not find a vehicle that it
 * had seen.
 */
export function readsBackwards(operations: Operation[]): Backwards {
  const result: Backwards = { unmarked: [], marked: 0 }
  for (const [session, own] of Map.groupBy(operations, ({ session }) => session)) {
    const known = new Map<string, { at: number, version: number }[]>()
    const learn = (vehicle: string, at: number, version: number) => {
      const list = known.get(vehicle) ?? known.set(vehicle, []).get(vehicle)!
      list.push({ at, version })
    }
    for (const operation of own) {
      if (operation.outcome !== 'done') continue
      if (isRead(operation))
        for (const [vehicle, version] of Object.entries(operation.saw))
          learn(vehicle, operation.endedAt, version)
      else if (isWrite(operation) && operation.version !== null)
        learn(operation.vehicle!, operation.endedAt, operation.version)
    }
    for (const read of own) {
      if (!isRead(read) || read.outcome !== 'done') continue
      for (const [vehicle, version] of Object.entries(read.saw)) {
        const sentAt = read.attempts.at(-1)!.startedAt
        const before = Math.max(
          0,
          ...(known.get(vehicle) ?? []).filter(({ at }) => at <= sentAt).map(seen => seen.version),
        )
        if (version >= before) continue
        if (read.attempts.at(-1)!.staleSeconds !== null) result.marked++
        else
          result.unmarked.push(
            `${session} at ${Math.round(read.startedAt)} ms (${read.kind}, ${read.attempts.at(-1)!.instance}): version ${version} of ${vehicle} after ${before}`,
          )
      }
    }
  }
  return result
}

/** Looks at what the live stream had just told of that did not find it. */
export function eventsAhead(operations: Operation[]): number {
  return operations
    .filter((operation): operation is Read => operation.kind === 'follow' && operation.outcome === 'done')
    .filter(({ saw, attempts }) => Object.values(saw).includes(0) && attempts.at(-1)!.staleSeconds === null)
    .length
}

/** Sessions that were told 401: nobody signs out in a drill. */
export function lostSessions(operations: Operation[]): string[] {
  return [
    ...new Set(
      operations
        .filter(
          operation =>
            operation.kind !== 'position' && operation.attempts.some(({ status }) => status === 401),
        )
        .map(({ session }) => session),
    ),
  ]
}
