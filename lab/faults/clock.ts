import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { ofServers } from '../debian/servers.ts'
import { commandName, pidsOf } from '../hosts/processes.ts'
import type { LabNode } from '../types.ts'

const libraries = ['x86_64', 'aarch64'].map(
  machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`,
)

const library = () => libraries.find(path => existsSync(ofServers(path)))

/** Why the clock of this node cannot be made wrong; null where it can. */
export function whyNoWrongClock(node: LabNode): string | null {
  // libfaketime stands between a program and the C library; Go asks the kernel itself, and a namespace of its
  // own gives Linux to the monotonic clock alone.
  if (['etcd', 'prometheus', 'alertmanager'].includes(node.kind))
    return `${node.kind} is written in Go, which asks the kernel for the time and not the C library`
  return library() ? null : 'Debian\'s libfaketime is not installed'
}

/**
 * Environment in which the wall clock is wrong by so many seconds. The monotonic clock, which measures how
 * long something takes, is not: nor would it be by a wrong NTP server.
 */
export function wrongClock(offsetSeconds: number): Record<string, string> {
  return {
    LD_PRELOAD: library()!,
    FAKETIME: `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_RESET: '1',
    FAKETIME_DISABLE_SHM: '1',
  }
}

/**
 * Removes what the library keeps of processes that have ended: it takes the name of their pid, and the next
 * process with that pid, of another user, would be refused it and not start.
 */
export function forgetWrongClocks(): void {
  for (const name of readdirSync('/dev/shm')) {
    const pid = /faketime_(?:sem|shm)_(\d+)$/.exec(name)?.[1]
    if (pid && !existsSync(`/proc/${pid}`)) rmSync(`/dev/shm/${name}`, { force: true })
  }
}

/** Processes on the node that do not go by the wrong clock. */
export function withRightClock(node: string): string[] {
  return pidsOf(node).filter((pid) => {
    try {
      return !readFileSync(`/proc/${pid}/maps`, 'utf8').includes('libfaketime')
    }
    catch {
      return false
    }
  }).map(pid => `${commandName(pid)} (${pid})`)
}
