import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { missingPackages } from '../../tools/install-packages.ts'
import { serversAreMissing, suite } from '../debian/servers.ts'
import { isTaken } from './lock.ts'
import { command, whyNoNetwork } from '../network/network.ts'
import { labDirectory, locks, publishedAddress, rootLink, subnet } from '../place.ts'
import { takenPorts } from '../network/publish.ts'
import { publishedPorts } from '../deploy/units.ts'

/**
 * Bits of /proc/PID/status, capability(7): to make links and addresses; for keepalived's own protocol (VRRP);
 * to make namespaces and mounts.
 */
const capabilities = [
  { name: 'CAP_NET_ADMIN', bit: 12n },
  { name: 'CAP_NET_RAW', bit: 13n },
  { name: 'CAP_SYS_ADMIN', bit: 21n },
]

/** Three databases with their WAL, and logs. */
const neededBytes = 3e9

/** Why this machine cannot have a lab, each reason with what would help; empty where it can. */
export async function checkPrerequisites(): Promise<string[]> {
  if (process.platform !== 'linux')
    return [
      `The lab needs Linux's network namespaces, and this is ${process.platform}. Run it in a Linux virtual machine.`,
    ]
  if (process.getuid?.() !== 0)
    return [
      'The lab makes network namespaces and runs each server under its own user: run it as root (sudo npm run ha:up).',
    ]
  const effective = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`,
  )
  const lacking = capabilities.filter(({ bit }) => !(effective & (1n << bit))).map(({ name }) => name)
  if (lacking.length)
    return [
      `This root lacks ${lacking.join(' and ')} (a container?): network namespaces cannot be made. Run it on the host, or give the container these capabilities.`,
    ]
  const reasons: string[] = []
  const missing = missingPackages()
  if (missing.length)
    reasons.push(`Debian packages are missing: ${missing.join(', ')}. Install them with: npm run ha:install`)
  if (serversAreMissing())
    reasons.push(
      `There is no root file system of Debian ${suite} for the hosts. Make it with: FLEET2_LAB_DEBIAN=${suite} npm run ha:install`,
    )
  if (await isTaken(locks.supervisor))
    return [
      ...reasons,
      'A lab is up already. Look at it with npm run ha:status, or end it with npm run ha:down.',
    ]
  if (await isTaken(locks.change))
    return [...reasons, 'Another ha:up or ha:down is at work on this machine at this moment.']
  const taken = await portsThatStayTaken()
  if (taken.length)
    reasons.push(
      `Port${taken.length > 1 ? 's' : ''} ${taken.join(', ')} of ${publishedAddress} ${taken.length > 1 ? 'are' : 'is'} taken; the lab publishes its own there. Whoever has it: ss -ltnp`,
    )
  if (missing.length === 0) {
    const addresses = JSON.parse(await command('ip', ['-j', 'address'])) as {
      ifname: string
      addr_info: { local?: string }[]
    }[]
    const clash = addresses.find(
      ({ ifname, addr_info: info }) =>
        ifname !== rootLink && info.some(({ local }) => local?.startsWith(`${subnet}.`)),
    )
    const refused = await whyNoNetwork()
    if (refused)
      reasons.push(`Network namespaces with veth links and a bridge cannot be made here: ${refused}`)
    if (clash)
      reasons.push(`${clash.ifname} has an address in ${subnet}.0/24, which the lab uses for its own.`)
  }
  const { bavail, bsize } = await statfs(dirname(labDirectory))
  if (bavail * bsize < neededBytes)
    reasons.push(
      `${dirname(labDirectory)} has ${((bavail * bsize) / 1e9).toFixed(1)} GB left; the lab needs ${neededBytes / 1e9} GB.`,
    )
  return reasons
}

/**
 * Some of the lab's ports lie in the range from which outgoing connections take theirs: one of those may
 * stand on such a port for a moment.
 */
async function portsThatStayTaken(): Promise<number[]> {
  const ports = await publishedPorts()
  for (let tries = 10; ; tries--) {
    const taken = await takenPorts(ports)
    if (taken.length === 0 || tries === 0) return taken
    await new Promise(resolve => setTimeout(resolve, 500))
  }
}
