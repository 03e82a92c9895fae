import { existsSync, readFileSync } from 'node:fs'

/** The release of Debian whose servers the lab runs, those or newer ones. */
export const serversSuite = 'trixie'
const suiteNumber = 13

/** Whether a machine's own servers are new enough, by what its /etc/os-release says. */
export function isNewEnough(release: string): boolean {
  if (!/^ID="?debian"?$/m.test(release)) return false
  const number = /^VERSION_ID="?(\d+)/m.exec(release)?.[1]
  // Testing and unstable have no number.
  return number === undefined || Number(number) >= suiteNumber
}

const release = '/etc/os-release'

/** Whether this machine's are. */
export const hasNewServers = existsSync(release) && isNewEnough(readFileSync(release, 'utf8'))
