import { fileURLToPath } from 'node:url'

/** The project. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

/**
 * Everything that a lab writes, but for its network namespaces. On a disk and not in /run: the databases'
 * fsync and their gigabyte of WAL belong on what a server has. One lab a machine, so one place.
 */
export const labDirectory = '/var/lib/fleet2-lab'

/** Prefix of the network namespaces, by which they are found again. */
export const namespacePrefix = 'fleet2-'

/**
 * Where the nodes' links meet: a namespace of its own, so that no firewall rule of the machine (Docker's,
 * ufw's) applies between the nodes.
 */
export const hubNamespace = `${namespacePrefix}hub`

/** The root namespace's own link to the nodes. At most 15 characters. */
export const rootLink = 'fleet2-lab'

/** The lab's network: the first address is the machine's own leg. */
export const subnet = '10.83.20'

/** The address that people come to; keepalived moves it from one Nginx host to the other. */
export const peopleAddress = `${subnet}.80`

/** Where `ip netns exec` looks for a namespace's own /etc/hosts. */
export const netnsEtc = '/etc/netns'

export function namespaceOf(node: string): string {
  return namespacePrefix + node
}

/** The supervisor's, for whoever may read the lab's directory: root alone. */
export const controlSocket = `${labDirectory}/control.sock`

export const planFile = `${labDirectory}/plan.json`

/**
 * Abstract sockets as locks: taken by one process at a time and let go by the kernel however it ends, so that
 * no lock is ever stale.
 */
export const locks = { supervisor: '\0fleet2-lab-supervisor', change: '\0fleet2-lab-change' }
