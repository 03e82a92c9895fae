import { readdirSync, readFileSync, statSync } from 'node:fs'
import { namespaceOf } from '../place.ts'

/** A fork bomb would outrun any loop; a PostgreSQL that starts a worker while it is being killed does not. */
const mostRounds = 200

/**
 * The pids of everything that runs in a node's network namespace, zombies excepted. Empty where there is no
 * such namespace.
 */
export function pidsOf(node: string): number[] {
  let inode: number
  try {
    inode = statSync(`/run/netns/${namespaceOf(node)}`).ino
  }
  catch {
    return []
  }
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return statSync(`/proc/${pid}/ns/net`).ino === inode
    }
    catch {
      // Ended a moment ago, or a zombie.
      return false
    }
  })
}

/** What `ps` calls COMMAND: at most 15 characters. */
export function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  }
  catch {
    return ''
  }
}

interface ProcessState { state: string, parent: number, session: number, cpuSeconds: number }

/** From /proc/PID/stat; null when it has ended. */
export function processState(pid: number): ProcessState | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return {
      state: fields[0]!,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    }
  }
  catch {
    return null
  }
}

/** Resident memory in MB; pages that processes share are counted for each. */
export function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  }
  catch {
    return 0
  }
}

/**
 * Memory in MB, with each shared page divided by those who share it: the sum over processes is what they
 * really take.
 */
export function proportionalMb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024
  }
  catch {
    return 0
  }
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  }
  catch {
    // Gone already.
  }
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Kills what runs on the node, and what that starts meanwhile, until nothing is left. `session` narrows it to
 * one unit's processes.
 */
export async function killAll(node: string, session?: number): Promise<void> {
  for (let round = 0; round < mostRounds; round++) {
    const pids = pidsOf(node).filter(pid => session === undefined || processState(pid)?.session === session)
    if (pids.length === 0) return
    for (const pid of pids) send(pid, 'SIGKILL')
    await pause(10)
  }
  throw new Error(
    `${node} still has processes after ${mostRounds} rounds of SIGKILL: ${pidsOf(node)
      .map(pid => `${pid} ${commandName(pid)}`)
      .join(', ')}`,
  )
}

/**
 * Stops every process on the node, or those of one unit's `session`, where it stands; resolves when all of
 * them do.
 */
export async function freezeAll(node: string, session?: number): Promise<void> {
  for (let round = 0; round < mostRounds; round++) {
    const running = pidsOf(node).filter(
      pid =>
        !['T', 'Z', undefined].includes(processState(pid)?.state)
        && (session === undefined || processState(pid)?.session === session),
    )
    if (running.length === 0) return
    for (const pid of running) send(pid, 'SIGSTOP')
    await pause(10)
  }
  throw new Error(`${node} could not be frozen`)
}

export async function thawAll(node: string): Promise<void> {
  for (let round = 0; round < mostRounds; round++) {
    const frozen = pidsOf(node).filter(pid => processState(pid)?.state === 'T')
    if (frozen.length === 0) return
    for (const pid of frozen) send(pid, 'SIGCONT')
    await pause(10)
  }
  throw new Error(`${node} could not be thawed`)
}
