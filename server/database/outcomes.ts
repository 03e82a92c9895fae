import { isConnectionError } from './errors.ts'
import type { Database, Queries } from './port.ts'
import { UnavailableError } from '#shared/errors.ts'

/** How the program's own calls have ended since the process began. An answer that refuses is an answer. */
export interface Outcomes {
  reads: { answered: number, failed: number }
  writes: { answered: number, failed: number }
}

/**
 * Counts how the calls end, as those who make them see it: the monitor has connections of its own, so what
 * breaks the pools alone (no more connections for the role, names that are not resolved, a pooler that
 * refuses) would go unseen by it.
 */
export function countOutcomes<T extends Database>(database: T): T & { outcomes(): Outcomes } {
  const outcomes: Outcomes = { reads: { answered: 0, failed: 0 }, writes: { answered: 0, failed: 0 } }
  const noted = async <R>(kind: 'reads' | 'writes', work: Promise<R>): Promise<R> => {
    try {
      const result = await work
      outcomes[kind].answered++
      return result
    }
    catch (error) {
      outcomes[kind][error instanceof UnavailableError || isConnectionError(error) ? 'failed' : 'answered']++
      throw error
    }
  }
  const counted = ({ read, write }: Queries): Queries => ({
    read: (fn, options) => noted('reads', read(fn, options)),
    write: (fn, options) => noted('writes', write(fn, options)),
  })
  return {
    ...database,
    ...counted(database),
    inOrganisation: id => counted(database.inOrganisation(id)),
    withKey: (key, value) => counted(database.withKey(key, value)),
    outcomes: () => outcomes,
  }
}
