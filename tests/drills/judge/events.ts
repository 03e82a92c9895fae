import { isPosition, isWrite, type FinalState, type Operation, type Stream } from '../history.ts'

/**
 * Committed changes that an open tab of the organisation was neither told of nor made to fetch: no event, and
 * no `resync` after it. Of what was committed but never acknowledged, too: the final state knows.
 *
 * A creation is told by its own id, a point by an event of its vehicle with its time or a later one (the map
 * shows the newest, and a late event brings that). Updates of one vehicle have no name of their own: after
 * the last resync there must be at least as many events as updates that began after it. Only what began after
 * the stream first opened counts.
 */
export function missedEvents(operations: Operation[], streams: Stream[], { applied }: FinalState): string[] {
  return streams.flatMap((stream) => {
    const openedAt = stream.connections.find(connection => connection.openedAt !== null)?.openedAt
    const own = operations.filter(({ organisation }) => organisation === stream.organisation)
    if (openedAt === undefined || openedAt === null)
      return own.length
        ? [
            `${stream.session}: the stream never opened (${stream.connections.at(-1)?.refused ?? 'never asked'})`,
          ]
        : []
    const resyncAt = Math.max(
      openedAt,
      ...stream.events.filter(({ name }) => name === 'resync').map(({ at }) => at),
    )
    const since = own.filter(({ startedAt }) => startedAt > openedAt)
    const missed = (what: string) => `${stream.session}: ${what}`

    const created = new Set(
      stream.events.filter(({ change }) => change?.change === 'created').map(({ change }) => change!.id),
    )
    const newest = new Map<string, string>()
    for (const point of stream.events.flatMap(({ points }) => points ?? [])) {
      const [vehicle, fixTime] = point.split(' ') as [string, string]
      if (fixTime > (newest.get(vehicle) ?? '')) newest.set(vehicle, fixTime)
    }
    const lastSent = ({ attempts }: Operation) => attempts.at(-1)!.startedAt
    const faults = since.flatMap((operation) => {
      if (lastSent(operation) <= resyncAt) return []
      if (isPosition(operation)) {
        return operation.outcome === 'done' && (newest.get(operation.vehicle) ?? '') < operation.fixTime
          ? [missed(`the point ${operation.fixTime} of ${operation.session}`)]
          : []
      }
      if (!isWrite(operation) || operation.kind !== 'create' || !operation.vehicle) return []
      return created.has(operation.vehicle) ? [] : [missed(`create "${operation.value}"`)]
    })

    const updates = since
      .filter(isWrite)
      .filter(({ kind, value, startedAt }) => kind === 'update' && applied[value] && startedAt > resyncAt)
    for (const [vehicle, changes] of Map.groupBy(updates, ({ vehicle }) => vehicle!)) {
      const told = new Set(
        stream.events
          .filter(({ at, change }) => at > resyncAt && change?.id === vehicle && change.change === 'updated')
          .map(({ id, at }) => id || `at ${at}`),
      )
      if (told.size < changes.length)
        faults.push(
          ...Array.from({ length: changes.length - told.size }, (_, n) =>
            missed(`${n + 1}. of ${changes.length - told.size} updates of ${vehicle}`),
          ),
        )
    }
    return faults
  })
}

/** The longest that a stream was not open between two connections. Seconds. */
export function longestStreamGap(streams: Stream[]): number {
  const gaps = streams.flatMap(({ connections }) => {
    const opened = connections.filter(({ openedAt }) => openedAt !== null)
    return opened.slice(1).map(({ openedAt }, n) => openedAt! - (opened[n]!.closedAt ?? openedAt!))
  })
  return Math.round(Math.max(0, ...gaps) / 100) / 10
}
