import { PreflightError } from '../life/preflight-error.ts'
import { machineRelease, type Release } from '../../tools/debian-release.ts'

/**
 * Whose servers the lab's hosts run: the machine's own, or with `FLEET2_LAB_DEBIAN=trixie` those of Debian
 * trixie. What the lab changes, waits for and allows follows it.
 */
export const labRelease = askedOrEnd()

/**
 * The release that FLEET2_LAB_DEBIAN asks for on a machine whose own servers are those of `own`.
 * @throws where it names none that can be had.
 */
export function releaseAsked(asked = '', own: Release = machineRelease): Release {
  if (asked === '') return own
  if (asked === 'trixie') return asked
  throw new Error(
    `FLEET2_LAB_DEBIAN is "${asked}"; it must be "trixie" (the lab's hosts run the servers of Debian trixie) `
    + 'or not be set (they run this machine\'s own).',
  )
}

function askedOrEnd(): Release {
  try {
    return releaseAsked(process.env.FLEET2_LAB_DEBIAN)
  }
  catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

/** The first where the hosts run Debian 12's servers, the second where they run Debian 13's or newer ones. */
export function byRelease<T>(bookworm: T, trixie: T): T {
  return labRelease === 'bookworm' ? bookworm : trixie
}

/** @throws {PreflightError} where a lab that is up runs other servers than whoever speaks to it asks for. */
export function refuseOtherServers(running: Release): void {
  if (running === labRelease) return
  const how = running === 'trixie' ? 'with FLEET2_LAB_DEBIAN=trixie' : 'without FLEET2_LAB_DEBIAN'
  throw new PreflightError([
    `The lab that is up runs the servers of Debian ${running}: say this again ${how}, or end it with npm run ha:down.`,
  ])
}
