/** What tells one lab on a machine from another. */
export interface Places {
  directory: string
  prefix: string
  link: string
  subnet: string
  publishedAddress: string
  groups: string
  locks: string
}

/** Second numbers of networks: below are the lab without a name and what people may have made by hand. */
const firstNumber = 30
const numbers = 220

/**
 * The name in FLEET2_LAB; empty where there is none.
 * @throws where it cannot be one: it becomes part of the names of links, which have 15 characters.
 */
export function nameOfLab(asked = ''): string {
  if (asked === '' || /^[a-z][a-z0-9]{0,7}$/.test(asked)) return asked
  throw new Error(
    `FLEET2_LAB is "${asked}"; it must be one to eight small letters and digits that begin with a letter.`,
  )
}

/**
 * Where a lab of this name is. Nothing of one with a name begins as those of the lab without one do: by that
 * they are found when it ends.
 */
export function placesOf(name: string): Places {
  if (name === '') {
    return {
      directory: '/var/lib/fleet2-lab', prefix: 'fleet2-', link: 'fleet2-lab', subnet: '10.83.20',
      publishedAddress: '127.0.0.1', groups: 'fleet2-lab-', locks: 'fleet2-lab',
    }
  }
  const number = firstNumber + [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0) % numbers
  return {
    directory: `/var/lib/fleet2_${name}`, prefix: `fleet2_${name}-`, link: `lab_${name}`,
    subnet: `10.83.${number}`, publishedAddress: `127.83.${number}.1`,
    groups: `fleet2_${name}-`, locks: `fleet2_${name}`,
  }
}
