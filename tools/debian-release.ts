import { existsSync, readFileSync } from 'node:fs'

/**
 * Whose servers are meant, by what depends on it: `trixie` is Debian 13's or newer ones, `bookworm` Debian
 * 12's or older ones.
 */
export type Release = 'bookworm' | 'trixie'

/** Debian 13's number. */
const trixieNumber = 13

/** Whose a machine's own servers are, by what its /etc/os-release says. */
export function releaseIn(text: string): Release {
  if (!/^ID="?debian"?$/m.test(text)) return 'bookworm'
  const number = /^VERSION_ID="?(\d+)/m.exec(text)?.[1]
  // Testing and unstable have no number.
  return number === undefined || Number(number) >= trixieNumber ? 'trixie' : 'bookworm'
}

const file = '/etc/os-release'

/** Whose this machine's are. */
export const machineRelease = releaseIn(existsSync(file) ? readFileSync(file, 'utf8') : '')
