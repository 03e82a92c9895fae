import { inArray } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { devices } from '#server/database/schema/fleet.ts'
import type { SpeedUnit } from '#shared/devices.ts'

/** What device input needs to know of a device. */
export interface KnownDevice {
  id: string
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
}

/** A device that was deleted, or fitted elsewhere, may be taken for what it was this long. */
const rememberMs = 2_000
const sweepAt = 20_000

/**
 * Looks devices up by identifier, many at once, and remembers them for a moment: a fleet's trackers come back
 * every few seconds.
 */
export function createDeviceDirectory(database: Database) {
  const known = new Map<string, { device: KnownDevice, until: number }>()

  return {
    /** The known ones among the identifiers. */
    async find(identifiers: string[], now = Date.now()): Promise<Map<string, KnownDevice>> {
      if (known.size > sweepAt) for (const [name, { until }] of known) if (until <= now) known.delete(name)
      const found = new Map<string, KnownDevice>()
      const missing: string[] = []
      for (const identifier of new Set(identifiers)) {
        const entry = known.get(identifier)
        if (entry && entry.until > now) found.set(identifier, entry.device)
        // A line break would make two names of one in the setting that row-level security looks at.
        else if (!/[\n\0]/.test(identifier) && identifier.length <= 200) missing.push(identifier)
      }
      if (missing.length > 0) {
        const rows = await database.withKey('device', missing.join('\n')).read(
          tx =>
            tx
              .select({
                id: devices.id,
                identifier: devices.identifier,
                organisationId: devices.organisationId,
                vehicleId: devices.vehicleId,
                speedUnit: devices.speedUnit,
                tokenRequired: devices.tokenRequired,
                tokenHash: devices.tokenHash,
                previousTokenHash: devices.previousTokenHash,
                previousTokenUntil: devices.previousTokenUntil,
              })
              .from(devices)
              .where(inArray(devices.identifier, missing)),
          { consistency: 'strong' },
        )
        for (const device of rows) {
          known.set(device.identifier, { device, until: now + rememberMs })
          found.set(device.identifier, device)
        }
      }
      return found
    },
  }
}
