import { PreflightError } from '../life/preflight-error.ts'
import { serversSuite as suite } from '../../tools/debian-release.ts'
import { makeServers, serversAreMissing } from './servers.ts'

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
      `The lab's hosts run the servers of Debian ${suite}, this machine's are older, and there is no root `
      + `file system of it: ${reason}`,
    ])
  }
  console.log(`Made in ${Math.round((Date.now() - started) / 1000)} s`)
}
