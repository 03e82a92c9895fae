import { fileURLToPath } from 'node:url'
import { nameOfLab, placesOf } from './name.ts'

/** The project. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

/**
 * Which of this machine's labs is meant: `FLEET2_LAB=other npm run ha:up` brings up one beside the one that
 * everybody means, with hosts, addresses, files, locks and published ports of its own. Empty: that one.
 */
export const labName = namedOrEnd()

function namedOrEnd(): string {
  try {
    return nameOfLab(process.env.FLEET2_LAB)
  }
  catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

const places = placesOf(labName)

/**
 * Everything that a lab writes, but for its network namespaces. On a disk and not in /run: the databases'
 * fsync and their gigabyte of WAL belong on what a server has.
 */
export const labDirectory = places.directory

/** Prefix of the network namespaces, by which they are found again. */
export const namespacePrefix = places.prefix

/**
 * Where the nodes' links meet: a namespace of its own, so that no firewall rule of the machine (Docker's,
 * ufw's) applies between the nodes.
 */
export const hubNamespace = `${namespacePrefix}hub`

/** The root namespace's own link to the nodes. At most 15 characters. */
export const rootLink = places.link

/** The lab's network: the first address is the machine's own leg. */
export const subnet = places.subnet

/** Where the ports that the compose files publish answer. */
export const publishedAddress = places.publishedAddress

/** The address that people come to; keepalived moves it from one Nginx host to the other. */
export const peopleAddress = `${subnet}.80`

/** Where `ip netns exec` looks for a namespace's own /etc/hosts. */
export const netnsEtc = '/etc/netns'

export function namespaceOf(node: string): string {
  return namespacePrefix + node
}

/** Prefix of the kernel's groups of processes, one for each host. */
export const groupPrefix = places.groups

/** The supervisor's, for whoever may read the lab's directory: root alone. */
export const controlSocket = `${labDirectory}/control.sock`

export const planFile = `${labDirectory}/plan.json`

/**
 * Abstract sockets as locks: taken by one process at a time and let go by the kernel however it ends, so that
 * no lock is ever stale.
 */
export const locks = { supervisor: `\0${places.locks}-supervisor`, change: `\0${places.locks}-change` }
