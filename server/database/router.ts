import type { Circuit } from './circuit.ts'
import type { Monitor } from './monitor.ts'
import type { Pool } from './pool.ts'
import { rowKeys, type Database, type Queries, type RowKey } from './port.ts'
import { createRead, type ReadParts } from './read.ts'
import type { Settings } from './transaction.ts'
import { createWrite, type WriteParts } from './write.ts'

export interface RouterParts extends ReadParts, WriteParts {
  primary: Pool
  circuit: Circuit
  monitor: Monitor
}

/**
 * Reads to a replica that has what the caller has seen, writes to the primary, each safe to repeat. The ten
 * promises of `docs/database.md` are kept in `read.ts` and `write.ts`.
 */
export function createRouter(parts: RouterParts): Database & { waitingWrites(): number } {
  const read = createRead(parts)
  const { write, waiting } = createWrite(parts)

  function queries(settings: Settings): Queries {
    return {
      read: (fn, options = {}) => read(settings, fn, options),
      write: (fn, options = {}) => write(settings, fn, options),
    }
  }

  return {
    ...queries([]),
    inOrganisation(organisationId: string) {
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(organisationId))
        throw new TypeError('inOrganisation: not a UUID')
      return queries([['app.organisation_id', organisationId]])
    },
    withKey: (key: RowKey, value: string) => queries([[rowKeys[key], value]]),
    waitingWrites: waiting,
  }
}
