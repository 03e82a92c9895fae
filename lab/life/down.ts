import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { ask } from '../hosts/control.ts'
import { removeCpuGroups } from '../hosts/cpu.ts'
import { unmountDisks } from '../hosts/disk.ts'
import { isTaken } from './lock.ts'
import { forgetNetnsFolder, namespacesLeft, removeNetwork } from '../network/network.ts'
import { labDirectory, locks, namespacePrefix } from '../place.ts'
import { killAll, pidsOf } from '../hosts/processes.ts'
import { removeDiskGroups } from '../faults/slow-disk.ts'
import { waitFor } from '../wait.ts'

export const supervisorPidFile = `${labDirectory}/supervisor.pid`

/**
 * Written by `ha:up` where it made /run/netns itself: `ip netns add` mounts it, and nobody else would take it
 * away.
 */
export const madeNetnsFile = `${labDirectory}/made-run-netns`

/**
 * Removes whatever there is of a lab: processes, namespaces, links, CPU groups, mounts, files, /etc entries.
 * Idempotent, and works after an `ha:up` that was killed half-way or a supervisor that died. Whoever calls it
 * holds the change lock. Resolves to what was there.
 */
export async function removeLab(): Promise<string[]> {
  const removed: string[] = []
  if (await isTaken(locks.supervisor)) {
    await endSupervisor()
    removed.push('the supervisor')
  }
  const namespaces = await namespacesLeft()
  const nodes = namespaces.map(name => name.slice(namespacePrefix.length))
  const left = nodes.flatMap(pidsOf).length
  await Promise.all(nodes.map(node => killAll(node)))
  if (left) removed.push(`${left} processes`)
  const madeNetns = existsSync(madeNetnsFile)
  removed.push(...await removeNetwork())
  const groups = await removeCpuGroups()
  if (groups) removed.push(`${groups} CPU groups`)
  await removeDiskGroups()
  await unmountDisks()
  if (existsSync(labDirectory)) {
    await rm(labDirectory, { recursive: true, force: true, maxRetries: 3 })
    removed.push(labDirectory)
  }
  if (madeNetns) await forgetNetnsFolder()
  return removed
}

/** Asks it to end everything; if it does not, kills it: what it leaves running is found by its namespaces. */
async function endSupervisor(): Promise<void> {
  const ended = () =>
    waitFor('the supervisor to end', async () => !(await isTaken(locks.supervisor)), {
      limitMs: 15_000,
      everyMs: 20,
    })
  try {
    await ask('shutdown', {})
    await ended()
  }
  catch {
    const pid = supervisorPid()
    if (pid === null)
      throw new Error(`A lab's supervisor runs, and neither answers nor is named in ${supervisorPidFile}`)
    process.kill(pid, 'SIGKILL')
    await ended()
  }
}

/** The supervisor's process; null where the file names none, or one that is something else by now. */
function supervisorPid(): number | null {
  try {
    const pid = Number(readFileSync(supervisorPidFile, 'utf8'))
    const [, script, whose] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return script === 'hosts/supervisor.ts' && whose === labDirectory ? pid : null
  }
  catch {
    return null
  }
}
