import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { groupPrefix, labDirectory } from '../place.ts'
import { pidsOf } from '../hosts/processes.ts'
import type { LabNode, NodeKind } from '../types.ts'
import { waitFor } from '../wait.ts'

/** Below the node's folder: what its volume is. A kind that is not here keeps nothing on a disk. */
const volumes: Partial<Record<NodeKind, string>> = {
  etcd: 'data',
  patroni: 'postgresql',
  redis: 'data',
  sentinel: 'data',
}

/**
 * Where the kernel's groups for disks are: the controller and how a limit is written; null where there are
 * none.
 */
function controller(): {
  path: string
  file: string
  line: (device: string, operations: number) => string
} | null {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, path = '', type, options = ''] = line.split(' ')
    if (
      type === 'cgroup'
      && options.split(',').includes('blkio')
      && existsSync(join(path, 'blkio.throttle.write_iops_device'))
    ) {
      return {
        path,
        file: 'blkio.throttle.write_iops_device',
        line: (device, operations) => `${device} ${operations}`,
      }
    }
    if (
      type === 'cgroup2'
      && existsSync(join(path, 'cgroup.subtree_control'))
      && readFileSync(join(path, 'cgroup.subtree_control'), 'utf8').split(/\s/).includes('io')
    ) {
      return { path, file: 'io.max', line: (device, operations) => `${device} wiops=${operations || 'max'}` }
    }
  }
  return null
}

/** Why this node's disk cannot be made slow; null where it can. */
export function whyNoSlowDisk(node: LabNode): string | null {
  const volume = volumes[node.kind]
  if (!volume) return `${node.kind} keeps nothing on a disk`
  if (!controller())
    return 'the kernel limits no disk here (CONFIG_BLK_DEV_THROTTLING, and the blkio or io controller of cgroups)'
  // Major 0 is no device: memory, or a file system of a container's.
  if (statSync(join(labDirectory, 'nodes', node.name, volume)).dev >> 8 === 0)
    return `the volume of ${node.name} stands on no block device`
  return null
}

/**
 * The kernel passes on so many writes a second of everything on the node, to the disk on which its volume is;
 * 0 takes it back. An fsync waits its turn.
 */
export async function slowDisk(node: LabNode, operationsPerSecond: number): Promise<void> {
  const reason = whyNoSlowDisk(node)
  if (reason) throw new Error(reason)
  const { path, file, line } = controller()!
  const { dev } = statSync(join(labDirectory, 'nodes', node.name, volumes[node.kind]!))
  const group = join(path, groupPrefix + node.name)
  await mkdir(group, { recursive: true })
  writeFileSync(join(group, file), line(`${dev >> 8}:${dev & 0xff}`, operationsPerSecond))
  // What they start is in it too. Some may have ended meanwhile.
  for (const pid of pidsOf(node.name)) {
    try {
      writeFileSync(join(group, 'cgroup.procs'), String(pid))
    }
    catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/**
 * Removes the groups of this lab, once their processes have ended. The version 2 groups are
 * lab/hosts/cpu.ts' own.
 */
export async function removeDiskGroups(): Promise<void> {
  const found = controller()
  if (!found || found.file === 'io.max') return
  const left = async () => (await readdir(found.path)).filter(name => name.startsWith(groupPrefix))
  await waitFor('the disk groups to be empty', async () => {
    for (const name of await left()) await rmdir(join(found.path, name)).catch(() => {})
    return (await left()).length === 0
  }, { limitMs: 10_000, everyMs: 50 })
}
