import { readFile } from 'node:fs/promises'
import type { SignedUp } from '../../support/client.ts'
import type { Subject } from './installation.ts'

/** Before anything is counted: the compiler has seen what is used. */
const warmUp = 25
const requestsARound = 25

/** What one of the pages costs: each round's milliseconds of CPU a request, and what arrives. */
export interface Cost {
  milliseconds: number[]
  /** Of the body as it travels (brotli). */
  bytes: number
}

/**
 * CPU of each server for one and the same page, in turn within each round: what else the machine does is the
 * same for all of them. User and system time of the whole process, compression and all threads included.
 */
export async function compareCost(
  subjects: { subject: Subject, path: string }[], owner: SignedUp, rounds: number,
): Promise<Map<Subject['name'], Cost>> {
  const costs = new Map(subjects.map(({ subject }) => [subject.name, { milliseconds: [], bytes: 0 } as Cost]))
  for (const { subject, path } of subjects)
    for (let n = 0; n < warmUp; n++) costs.get(subject.name)!.bytes = await ask(subject.url + path, owner)
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const { subject, path } = subjects[(round + turn) % subjects.length]!
      const before = await cpuMilliseconds(subject.pid)
      for (let n = 0; n < requestsARound; n++) await ask(subject.url + path, owner)
      const used = await cpuMilliseconds(subject.pid) - before
      costs.get(subject.name)!.milliseconds.push(used / requestsARound)
    }
  }
  return costs
}

async function ask(url: string, owner: SignedUp): Promise<number> {
  const answer = await fetch(url, {
    headers: {
      'cookie': owner.cookie(), 'accept': 'text/html', 'accept-encoding': 'br', 'sec-fetch-site': 'same-origin',
    },
    redirect: 'manual',
  })
  const { length } = await answer.text()
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
  return Number(answer.headers.get('content-length') ?? length)
}

/** Linux counts in hundredths of a second. */
async function cpuMilliseconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
