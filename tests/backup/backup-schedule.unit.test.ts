import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-schedule-'))
})
afterAll(() => rm(folder, { recursive: true }))

const seconds = (time: string) => String(Date.parse(time) / 1000)

/** When a kind was last due, by a clock that stands at `now`, on a machine that lives in another zone. */
async function due(kind: string, now: string, zone = 'Europe/Berlin'): Promise<string> {
  const clock = join(folder, `clock-${kind}-${seconds(now)}`)
  await writeFile(clock, seconds(now))
  const env = { PATH: process.env.PATH, TZ: zone, BACKUP_CLOCK: clock }
  const { stdout } = await run(join(deploy, 'backup/schedule.sh'), ['due', kind], { env })
  return new Date(Number(stdout) * 1000).toISOString().replace(':00.000Z', 'Z')
}

describe('backups are due at the specification\'s times, in UTC', () => {
  it.each([
    ['daily', '2026-11-28T02:00:00Z', '2026-11-28T02:00Z'],
    ['daily', '2026-11-28T01:59:59Z', '2026-11-27T02:00Z'],
    ['daily', '2027-01-01T00:30:00Z', '2026-12-31T02:00Z'],
    // The night in which Berlin's clocks go forward has no 02:00 there, and the one in which they go back
    // two.
    ['daily', '2027-03-28T02:00:00Z', '2027-03-28T02:00Z'],
    ['daily', '2026-10-25T02:00:00Z', '2026-10-25T02:00Z'],
    ['weekly', '2026-11-29T03:00:00Z', '2026-11-29T03:00Z'],
    ['weekly', '2026-11-29T02:59:59Z', '2026-11-22T03:00Z'],
    ['weekly', '2026-12-05T23:59:59Z', '2026-11-29T03:00Z'],
    ['weekly', '2027-03-28T02:59:59Z', '2027-03-21T03:00Z'],
    ['monthly', '2026-12-01T04:00:00Z', '2026-12-01T04:00Z'],
    ['monthly', '2026-12-01T03:59:59Z', '2026-11-01T04:00Z'],
    ['monthly', '2027-01-01T03:00:00Z', '2026-12-01T04:00Z'],
    ['monthly', '2028-03-31T12:00:00Z', '2028-03-01T04:00Z'],
    ['monthly', '2028-03-01T01:00:00Z', '2028-02-01T04:00Z'],
    ['drill', '2026-11-29T04:59:59Z', '2026-11-22T05:00Z'],
    ['drill', '2026-11-29T05:00:00Z', '2026-11-29T05:00Z'],
  ])('%s, asked at %s: for %s', async (kind, now, expected) => {
    expect(await due(kind, now)).toBe(expected)
  })

  it('and no other kind is known', async () => {
    await expect(due('hourly', '2026-11-28T02:00:00Z')).rejects.toThrow(/no kind of backup: hourly/)
  })
})

/** What must be in the archive from one segment to another. */
async function chain(first: string, last: string, history = ''): Promise<string[]> {
  const script = `. "$0"; segment_chain "$1" "$2" "$3"`
  const common = join(deploy, 'scripts/backup-common.sh')
  const { stdout } = await run('bash', ['-c', script, common, first, last, history])
  return stdout.trim().split('\n')
}
const segment = (timeline: number, number: number) => [timeline, Math.floor(number / 256), number % 256]
  .map(part => part.toString(16).toUpperCase().padStart(8, '0')).join('')

describe('the WAL that leads from a backup to now', () => {
  it('is every segment in between, over the end of a log file', async () => {
    const expected = [254, 255, 256, 257].map(number => segment(1, number))
    expect(await chain(segment(1, 254), segment(1, 257))).toEqual(expected)
  })

  it('is on each timeline until it was left; the segment in which it was left is the next one\'s', async () => {
    const history
      = '1\t0/5000110\tno recovery target specified\n\n2\t0/7ABCDEF0\tno recovery target specified\n'
    const expected = [
      ...[3, 4].map(number => segment(1, number)),
      ...Array.from({ length: 0x7a - 5 }, (_, index) => segment(2, index + 5)),
      ...[0x7a, 0x7b].map(number => segment(3, number)),
    ]
    expect(await chain(segment(1, 3), segment(3, 0x7b), history)).toEqual(expected)
  })

  it('begins on the timeline of the backup, also where earlier ones were left long before', async () => {
    const history = '1\t0/5000110\tleft\n2\t0/7000110\tleft\n'
    expect(await chain(segment(3, 9), segment(3, 10), history)).toEqual([segment(3, 9), segment(3, 10)])
  })

  it('counts two failovers within one segment', async () => {
    const history = '1\t0/5000110\tleft\n2\t0/5000900\tleft\n'
    expect(await chain(segment(1, 4), segment(3, 5), history)).toEqual([segment(1, 4), segment(3, 5)])
  })
})
