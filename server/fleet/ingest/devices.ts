import { inArray, or } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { devices, ingestAddresses } from '#server/database/schema/fleet.ts'
import type { SpeedUnit } from '#shared/devices.ts'
import { hashToken } from '../devices/devices.ts'

/** What device input needs to know of a device. */
export interface KnownDevice {
  id: string
  /** What it calls itself. */
  identifier: string
  organisationId: string
  /** The one it is in at present; which one it was in at a fix's time is in its fittings. */
  vehicleId: string | null
  speedUnit: SpeedUnit
  tokenRequired: boolean
  tokenHash: string | null
  /** The token before it, which is taken until then. */
  previousTokenHash?: string | null
  previousTokenUntil?: Date | null
  /** Without its token it is taken at the organisation's own address alone. */
  addressRequired?: boolean
  /** Added to every time that it says. */
  clockCorrectionSeconds?: number
  /** Until then its last messages are kept as they came. */
  recordingUntil?: Date | null
}

/** A device that was deleted, or fitted elsewhere, may be taken for what it was this long. */
const rememberMs = 2_000
const sweepAt = 20_000

const columns = {
  id: devices.id,
  identifier: devices.identifier,
  ownIdentifier: devices.ownIdentifier,
  organisationId: devices.organisationId,
  vehicleId: devices.vehicleId,
  speedUnit: devices.speedUnit,
  tokenRequired: devices.tokenRequired,
  tokenHash: devices.tokenHash,
  previousTokenHash: devices.previousTokenHash,
  previousTokenUntil: devices.previousTokenUntil,
  addressRequired: devices.addressRequired,
  clockCorrectionSeconds: devices.clockCorrectionSeconds,
  recordingUntil: devices.recordingUntil,
}
type Row = { [Key in keyof typeof columns]: (typeof columns)[Key]['_']['data'] | null }

/** Whom a name means: one device of each organisation at most. */
export type Candidates = Map<string, KnownDevice[]>

/**
 * Looks devices up by what they call themselves, many at once, and remembers them for a moment: a fleet's
 * trackers come back every few seconds. A name may be that of several organisations' devices.
 */
export function createDeviceDirectory(database: Database) {
  const known = new Map<string, { devices: KnownDevice[], until: number }>()
  const addresses = new Map<string, { organisationId: string | null, until: number }>()

  return {
    /** The known ones among the identifiers. */
    async find(identifiers: string[], now = Date.now()): Promise<Candidates> {
      if (known.size > sweepAt) for (const [name, { until }] of known) if (until <= now) known.delete(name)
      const found: Candidates = new Map()
      const missing: string[] = []
      for (const identifier of new Set(identifiers)) {
        const entry = known.get(identifier)
        if (entry && entry.until > now) found.set(identifier, entry.devices)
        // A line break would make two names of one in the setting that row-level security looks at.
        else if (!/[\n\0]/.test(identifier) && identifier.length <= 200) missing.push(identifier)
      }
      if (missing.length > 0) {
        const rows = await database.withKey('device', missing.join('\n')).read(
          tx => tx.select(columns).from(devices)
            .where(or(inArray(devices.identifier, missing), inArray(devices.ownIdentifier, missing))),
          { consistency: 'strong' },
        )
        for (const device of rows.map(toKnown)) {
          // The id of a device stands for its name where it may not have that in public: nobody sends it.
          if (!missing.includes(device.identifier)) continue
          const same = found.get(device.identifier) ?? []
          if (!found.has(device.identifier)) found.set(device.identifier, same)
          same.push(device)
        }
        for (const name of missing) {
          const its = found.get(name)
          if (its) known.set(name, { devices: its, until: now + rememberMs })
        }
      }
      return found
    },

    /** The devices whose present tokens these are, by the token, whatever they call themselves. */
    async byTokens(tokens: string[]): Promise<Map<string, KnownDevice>> {
      if (tokens.length === 0) return new Map()
      const hashes = new Map(tokens.map(token => [hashToken(token), token]))
      const rows = await database.withKey('token', [...hashes.keys()].join('\n')).read(
        tx => tx.select(columns).from(devices).where(inArray(devices.tokenHash, [...hashes.keys()])),
        { consistency: 'strong' },
      )
      return new Map(rows.map(row => [hashes.get(row.tokenHash!)!, toKnown(row)]))
    },

    /** Whose own addresses have these keys; without those that are nobody's. */
    async organisationsOf(keys: string[], now = Date.now()): Promise<Map<string, string>> {
      const remembered = (key: string) => {
        const entry = addresses.get(key)
        return entry && entry.until > now ? entry : null
      }
      const asked = [...new Set(keys)].filter(key => addressKeyForm.test(key))
      const missing = asked.filter(key => !remembered(key))
      if (missing.length > 0) {
        const rows = await database.withKey('address', missing.join('\n')).read(
          tx => tx.select().from(ingestAddresses)
            .where(or(inArray(ingestAddresses.key, missing), inArray(ingestAddresses.previousKey, missing))),
          { consistency: 'strong' },
        )
        if (addresses.size > sweepAt) addresses.clear()
        const until = now + rememberMs
        for (const key of missing) addresses.set(key, { organisationId: null, until })
        for (const { organisationId, key, previousKey, previousUntil } of rows) {
          addresses.set(key, { organisationId, until })
          if (previousKey && previousUntil && previousUntil.getTime() > now)
            addresses.set(previousKey, { organisationId, until })
        }
      }
      return new Map(asked.flatMap((key) => {
        const organisationId = remembered(key)?.organisationId
        return organisationId ? [[key, organisationId] as const] : []
      }))
    },
  }
}

/** An organisation's key begins like none of a device's tokens. */
export const addressKeyForm = /^org-[\w-]{20,60}$/

function toKnown({ ownIdentifier, identifier, ...row }: Row): KnownDevice {
  return { ...row, identifier: ownIdentifier ?? identifier } as KnownDevice
}
