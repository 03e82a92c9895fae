import { isPosition, isWrite, type FinalState, type Operation } from '../history.ts'

/**
 * Writes that were acknowledged and are not in the database: changes by the text that only they wrote, points
 * by device and time; and changes whose acknowledged version the vehicle has fallen behind.
 */
export function lostWrites(operations: Operation[], { applied, versions, positions }: FinalState): string[] {
  const stored = new Set(positions)
  return operations.flatMap((operation) => {
    if (operation.outcome !== 'done') return []
    if (isPosition(operation))
      return stored.has(`${operation.device} ${operation.fixTime}`)
        ? []
        : [`the point ${operation.fixTime} of ${operation.session}`]
    if (!isWrite(operation)) return []
    const { kind, value, vehicle, version } = operation
    if (!applied[value]) return [`${kind} "${value}"`]
    const present = versions[vehicle!] ?? 0
    return version !== null && present < version
      ? [`${kind} "${value}" made version ${version}, the database has ${present}`]
      : []
  })
}

/**
 * Changes of which the last answer said that nothing was changed, and something was: by this attempt or by an
 * earlier one with the same key, whose answer was lost. Who is told so enters it again.
 */
export function untrueRefusals(operations: Operation[], { applied }: FinalState): string[] {
  return operations
    .filter(isWrite)
    .filter(({ attempts, value }) => attempts.at(-1)?.saysUnchanged && (applied[value] ?? 0) > 0)
    .map(({ kind, value }) => `${kind} "${value}"`)
}

/**
 * Changes that were carried out more than once, acknowledged or not. (A point cannot be: its device and time
 * are its key.)
 */
export function doubledWrites(operations: Operation[], { applied }: FinalState): string[] {
  return operations
    .filter(isWrite)
    .filter(({ value }) => (applied[value] ?? 0) > 1)
    .map(({ kind, value }) => `${kind} "${value}" ${applied[value]} times`)
}
