import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { groupPrefix } from '../place.ts'
import type { LabNode } from '../types.ts'
import { waitFor } from '../wait.ts'

/**
 * A CPU group for each host, as each container has one: whatever runs on it has one share together, and no
 * more than any other host that is busy. Without them Linux gives a share to every *session* (autogroup), and
 * every backend of PostgreSQL is one: in a failover, with thirty of them, an instance of the application had
 * a thirtieth of the machine, and a page that costs 0.15 s of CPU took two seconds.
 */

/**
 * Where the kernel's CPU groups are, of either version; null where there are none or they may not be made.
 * The hosts' stand below the processes that are there already, at the root: a group around all hosts would
 * have one share against them, or take all.
 */
function root(): string | null {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, path = '', type, options = ''] = line.split(' ')
    if (type === 'cgroup' && options.split(',').includes('cpu')) return path
    // The controller has to be handed down to groups; systemd does.
    if (
      type === 'cgroup2'
      && existsSync(join(path, 'cgroup.subtree_control'))
      && readFileSync(join(path, 'cgroup.subtree_control'), 'utf8').split(/\s/).includes('cpu')
    )
      return path
  }
  return null
}

const groupOf = (node: string) => groupPrefix + node

/** Makes the groups, all with the standard weight. Resolves to why there are none, or to null. */
export async function makeCpuGroups(nodes: LabNode[]): Promise<string | null> {
  const base = root()
  if (!base) return 'the kernel gives no CPU groups here'
  try {
    for (const { name } of nodes) await mkdir(join(base, groupOf(name)), { recursive: true })
    return null
  }
  catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Moves a process into its host's group; what it starts afterwards is in it too. Nothing happens where there
 * are no groups.
 */
export function joinCpuGroup(node: string, pid: number): void {
  const base = root()
  if (!base) return
  try {
    writeFileSync(join(base, groupOf(node), 'cgroup.procs'), String(pid))
  }
  catch {
    // It has ended, or there are no groups.
  }
}

/** Removes the groups of this lab, once their processes have ended. Resolves to how many there were. */
export async function removeCpuGroups(): Promise<number> {
  const base = root()
  if (!base) return 0
  const left = async () => (await readdir(base)).filter(name => name.startsWith(groupPrefix))
  const groups = await left()
  if (groups.length) {
    await waitFor('the CPU groups to be empty', async () => {
      for (const name of await left()) await rmdir(join(base, name)).catch(() => {})
      return (await left()).length === 0
    }, { limitMs: 10_000, everyMs: 50 })
  }
  return groups.length
}
