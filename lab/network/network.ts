import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { hubNamespace, namespaceOf, namespacePrefix, netnsEtc, rootLink, subnet } from '../place.ts'
import type { LabNode } from '../types.ts'

/**
 * Any of these commands takes well under a second, many times that on a machine that is busy; the limit is
 * against a kernel that hangs.
 */
const commandLimitMs = 90_000

/** Runs a command; rejects with what it printed on standard error. */
export function command(name: string, args: string[], { input = '' } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      name,
      args,
      { timeout: commandLimitMs, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${name} ${args.join(' ')}: ${stderr.trim() || error.message}`))
        else resolve(stdout)
      },
    )
    // A command that fails at once has closed its input already.
    child.stdin!.on('error', () => {}).end(input)
  })
}

/**
 * The hub's end of a node's cable. By number: link names have at most 15 characters, `pgbouncer-primary` has
 * more.
 */
export function cable(node: LabNode): string {
  return `v${node.address.split('.').pop()}`
}

/**
 * A host for each node: a namespace with one link into a bridge that stands in a namespace of its own, and an
 * /etc/hosts with everybody's name, so that the configuration files can be the deployment's own. The machine
 * itself gets one leg, too.
 */
export async function makeNetwork(nodes: LabNode[]): Promise<void> {
  await writeHosts(nodes)
  await command('ip', ['-batch', '-'], {
    input: [
      `netns add ${hubNamespace}`,
      ...nodes.map(({ name }) => `netns add ${namespaceOf(name)}`),
      ...nodes.map(
        node =>
          `link add eth0 netns ${namespaceOf(node.name)} type veth peer name ${cable(node)} netns ${hubNamespace}`,
      ),
      `link add ${rootLink} type veth peer name v1 netns ${hubNamespace}`,
      `address add ${subnet}.1/24 dev ${rootLink}`,
      `link set ${rootLink} up`,
    ].join('\n'),
  })
  const hubEnds = ['v1', ...nodes.map(cable)]
  await Promise.all([
    command('ip', ['-n', hubNamespace, '-batch', '-'], { input: [
      'link set lo up',
      'link add hub type bridge',
      'link set hub up',
      ...hubEnds.flatMap(end => [`link set ${end} master hub`, `link set ${end} up`]),
    ].join('\n') }),
    ...nodes.map(async ({ name, address }) => {
      await command('ip', ['-n', namespaceOf(name), '-batch', '-'], {
        input: ['link set lo up', `address add ${address}/24 dev eth0`, 'link set eth0 up'].join('\n'),
      })
      // In a container, too, any user may listen on port 80 and 443.
      await command('ip', [
        'netns',
        'exec',
        namespaceOf(name),
        'sysctl',
        '-qw',
        'net.ipv4.ip_unprivileged_port_start=0',
      ])
    }),
    ...nodes.map(node => keepOut(node, strangersOf(node, nodes))),
  ])
}

/**
 * Who shares no compose network with it, and so does not reach it. Without networks it is none of that
 * file's.
 */
export function strangersOf(node: LabNode, nodes: LabNode[]): LabNode[] {
  return nodes.filter(other => other !== node && node.networks.length && other.networks.length
    && !node.networks.some(network => other.networks.includes(network)))
}

/**
 * Drops what these send to the node in silence, as Docker does between its networks. In the table `raw`,
 * apart from what a cut does (`dropPackets`): that is taken back, this never is.
 */
async function keepOut({ name }: LabNode, strangers: LabNode[]): Promise<void> {
  if (strangers.length === 0) return
  const rules = strangers.map(({ address }) => `-A PREROUTING -s ${address} -j DROP`)
  await inNode(name, 'iptables-restore', ['--noflush'], { input: `*raw\n${rules.join('\n')}\nCOMMIT\n` })
}

async function writeHosts(nodes: LabNode[]): Promise<void> {
  const everybody = nodes
    .map(({ name, address, aliases }) => `${address} ${[name, ...aliases].join(' ')}`)
    .join('\n')
  await Promise.all(nodes.map(async ({ name }) => {
    const folder = `${netnsEtc}/${namespaceOf(name)}`
    await mkdir(folder, { recursive: true })
    await writeFile(`${folder}/hosts`, `127.0.0.1 localhost\n${everybody}\n`)
    // A name that is not in hosts is refused at once, and no question leaves the machine.
    await writeFile(`${folder}/resolv.conf`, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  }))
}

/**
 * Why this kernel or this container gives no network namespaces, links or bridges although the capabilities
 * are there; null where it does.
 */
export async function whyNoNetwork(): Promise<string | null> {
  const probe = `${namespacePrefix}probe`
  const mountedBefore = existsSync('/run/netns')
  try {
    await command('ip', ['netns', 'add', probe])
    await command('ip', ['-n', probe, '-batch', '-'], {
      input: 'link add one type veth peer name two\nlink add hub type bridge',
    })
    return null
  }
  catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  finally {
    await command('ip', ['netns', 'del', probe]).catch(() => {})
    if (!mountedBefore) await forgetNetnsFolder()
  }
}

/**
 * Takes away the folder that `ip netns add` mounts, where it is empty. Nobody else does, and the next `ip
 * netns add` makes it anew.
 */
export async function forgetNetnsFolder(): Promise<void> {
  if ((await readdir('/run/netns').catch(() => ['kept'])).length > 0) return
  await command('umount', ['/run/netns']).catch(() => {})
  await rmdir('/run/netns').catch(() => {})
}

/** The namespaces of a lab that are there, whoever made them. */
export async function namespacesLeft(): Promise<string[]> {
  const names = await readdir('/run/netns').catch(() => [])
  return names.filter(name => name.startsWith(namespacePrefix))
}

/** Removes links, namespaces and their /etc entries. Idempotent. Resolves to what was there. */
export async function removeNetwork(): Promise<string[]> {
  const removed: string[] = []
  if (existsSync(`/sys/class/net/${rootLink}`)) {
    await command('ip', ['link', 'del', rootLink])
    removed.push(`link ${rootLink}`)
  }
  const namespaces = await namespacesLeft()
  if (namespaces.length) {
    await command('ip', ['-force', '-batch', '-'], {
      input: namespaces.map(name => `netns del ${name}`).join('\n'),
    })
    removed.push(`${namespaces.length} network namespaces`)
  }
  for (const entry of await readdir(netnsEtc).catch(() => [])) {
    if (entry.startsWith(namespacePrefix)) await rm(`${netnsEtc}/${entry}`, { recursive: true, force: true })
  }
  // Only where nothing else is in it: it may have been there before us.
  if ((await readdir(netnsEtc).catch(() => ['kept'])).length === 0) await rm(netnsEtc, { recursive: true })
  return removed
}

/** Pulls the node's cable, or plugs it in again. */
export async function setLink(node: LabNode, up: boolean): Promise<void> {
  await command('ip', ['-n', hubNamespace, 'link', 'set', cable(node), up ? 'up' : 'down'])
}

/**
 * Packets from and to the others are dropped in silence: nobody is told that the node cannot be reached.
 * Without `from`: everybody's.
 */
export async function dropPackets(node: LabNode, from: LabNode[] | null): Promise<void> {
  const rules = from === null
    ? ['-A INPUT -i eth0 -j DROP', '-A OUTPUT -o eth0 -j DROP']
    : from.flatMap(({ address }) => [`-A INPUT -s ${address} -j DROP`, `-A OUTPUT -d ${address} -j DROP`])
  await inNode(node.name, 'iptables-restore', ['--noflush'], {
    input: `*filter\n${rules.join('\n')}\nCOMMIT\n`,
  })
}

export async function acceptPackets(node: LabNode): Promise<void> {
  await inNode(node.name, 'iptables', ['-F'])
}

/** Runs a command in the node's network, as root. */
export function inNode(
  node: string,
  name: string,
  args: string[],
  options?: { input?: string },
): Promise<string> {
  return command('ip', ['netns', 'exec', namespaceOf(node), name, ...args], options)
}
