import { accessSync, constants, existsSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isAtLeast } from '../../tools/compose-command.ts'
import { takenPorts } from '../network/publish.ts'

/** The first engine that knows `start_interval`, which the compose files use. */
export const leastEngine = '25.0'

/** The highly available set-up was seen to use 2.1 GB; it is written to all the time. */
const neededMemoryBytes = 4e9

/** Base images, our own, what was in between, and three databases. */
const neededDiskBytes = 12e9

/** What the check finds on a machine, before anything is started. */
export interface Surroundings {
  platform: string
  root: boolean
  memoryBytes: number
  diskBytes: number
  /** Why the folder for what is kept between runs cannot be written; null: it can. */
  cacheFault: string | null
  /** Ports that would be published on this machine, and that somebody has. */
  takenPorts: number[]
  /** One that answers here already, with what Fleet2 has in it; null: the check starts one of its own. */
  engine: { version: string, has: string[] } | null
  /** Where the secrets are, when it was said (SECRETS_DIR); null: the check makes its own. */
  secretsFolder: string | null
  /** The files that the compose files mount as secrets, below that folder. */
  secrets: string[]
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`

/** Why the check cannot be run here: one plain message each, with what would help. */
export function checkPrerequisites(found: Surroundings): string[] {
  const { engine } = found
  if (found.platform !== 'linux') return [`The check needs Linux, and this is ${found.platform}.`]
  const reasons: string[] = []
  if (!engine && !found.root) {
    reasons.push('No Docker engine answers here, and only root can start one: run the check as root '
      + '(sudo npm run compose:check), or start Docker.')
  }
  if (engine && !isAtLeast(engine.version, leastEngine)) {
    reasons.push(`The Docker engine here is ${engine.version}; the compose files need ${leastEngine} or `
      + 'newer (start_interval). Upgrade it, or stop it: the check then starts one of its own.')
  }
  if (engine?.has.length) {
    const more = engine.has.length > 3 ? ` and ${engine.has.length - 3} more` : ''
    reasons.push(`The Docker engine here has Fleet2 in it (${engine.has.slice(0, 3).join(', ')}${more}). The `
      + 'check takes everything down with its data, so it does not touch that: run it on another machine.')
  }
  if (found.takenPorts.length) {
    const [word, is] = found.takenPorts.length > 1 ? ['Ports', 'are'] : ['Port', 'is']
    reasons.push(`${word} ${found.takenPorts.join(', ')} of this machine ${is} in use, and the compose files `
      + 'publish there. Who has it: ss -ltnp. The variables of docs/deployment.md move the ports.')
  }
  reasons.push(...missingSecrets(found))
  if (found.memoryBytes < neededMemoryBytes) {
    reasons.push(`${gigabytes(found.memoryBytes)} of memory are free, and the highly available set-up needs `
      + `${gigabytes(neededMemoryBytes)}.`)
  }
  if (found.cacheFault) reasons.push(found.cacheFault)
  else if (found.diskBytes < neededDiskBytes) {
    reasons.push(`${gigabytes(found.diskBytes)} of disk are free for images and data, and the check needs `
      + `${gigabytes(neededDiskBytes)}. XDG_CACHE_HOME names another place.`)
  }
  return reasons
}

function missingSecrets({ secretsFolder, secrets }: Surroundings): string[] {
  if (!secretsFolder) return []
  const help = `Make them with: deploy/make-secrets.sh ${secretsFolder}`
  if (!existsSync(secretsFolder)) return [`SECRETS_DIR names ${secretsFolder}, which is not there. ${help}`]
  const lacking = secrets.filter((name) => {
    const path = join(secretsFolder, name)
    return !existsSync(path) || statSync(path).size === 0
  })
  if (!lacking.length) return []
  return [`Secrets are missing or empty in ${secretsFolder}: ${lacking.join(', ')}. ${help}`]
}

/** What of that is a matter of the machine. `ports`: those that would be published on it. */
export async function lookAround({ cache, ports }: { cache: string, ports: number[] }) {
  const memory = existsSync('/proc/meminfo') ? readFileSync('/proc/meminfo', 'utf8') : ''
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(memory)?.[1]
  const cacheFault = whyNotWritable(cache)
  const { bavail, bsize } = statfsSync(cacheFault ? '/' : cache)
  return {
    platform: process.platform as string,
    root: process.getuid?.() === 0,
    memoryBytes: available ? Number(available) * 1024 : Infinity,
    diskBytes: bavail * bsize,
    cacheFault,
    takenPorts: await takenPorts(ports),
  }
}

function whyNotWritable(folder: string): string | null {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return null
  }
  catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return `${folder} cannot be written (${code}), and what is fetched and built is kept there. `
      + 'XDG_CACHE_HOME names another place.'
  }
}
