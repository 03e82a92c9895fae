import { PreflightError } from '../life/preflight-error.ts'
import { makeServers, serversAreMissing, suite } from './servers.ts'

/**
 * Makes the root file system of the lab's hosts where it is needed and missing, and says so.
 * @throws {PreflightError} where it cannot be made here, with the reason.
 */
export async function installServers(): Promise<void> {
  if (!serversAreMissing()) return
  const started = Date.now()
  console.log(`Making the lab's hosts from Debian ${suite}'s packages; this takes some minutes, once …`)
  try {
    await makeServers()
  }
  catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new PreflightError([
      `FLEET2_LAB_DEBIAN asks for the servers of Debian ${suite}, this machine's are older, and no root file `
      + `system of it could be made: ${reason}`,
    ])
  }
  console.log(`Made in ${Math.round((Date.now() - started) / 1000)} s`)
}
