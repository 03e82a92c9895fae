import { readFileSync } from 'node:fs'

/** Linux counts CPU time for /proc in hundredths of a second, whatever the kernel's own clock is. */
const ticksASecond = 100

/** CPU time that a process has used so far, all its threads, in the program and in the kernel for it. */
export function cpuSeconds(pid: number): number {
  // The name stands in brackets and may hold anything; the fields that are counted come after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksASecond
}

/** Memory of a process that is in RAM, in megabytes of a million bytes. */
export function residentMegabytes(pid: number): number {
  const kibibytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
  return kibibytes * 1024 / 1_000_000
}
