import { describe, expect, it } from 'vitest'
import { nextTime } from '#server/jobs/schedules.ts'

/** The next times, each after the one before. */
function times(cron: string, timeZone: string, from: string, count: number): string[] {
  const found: string[] = []
  for (let after = new Date(from); found.length < count;) {
    after = nextTime(cron, timeZone, after)
    found.push(after.toISOString())
  }
  return found
}

describe('a schedule in an organisation\'s time zone', () => {
  it('keeps its time of day across a day of 23 hours and one of 25', () => {
    // Berlin, 2026: 29 March has 23 hours, 25 October 25.
    expect(times('30 6 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T05:30:00.000Z', '2026-03-29T04:30:00.000Z', '2026-03-30T04:30:00.000Z',
    ])
    expect(times('30 6 * * *', 'Europe/Berlin', '2026-10-24T00:00:00Z', 3)).toEqual([
      '2026-10-24T04:30:00.000Z', '2026-10-25T05:30:00.000Z', '2026-10-26T05:30:00.000Z',
    ])
  })
  it('is not left out on the day on which its time of day does not come', () => {
    // 02:30 does not come on 29 March: 03:30 summer time is the same moment after midnight.
    const [first, second, third] = times('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 3)
    expect([first, third]).toEqual(['2026-03-28T01:30:00.000Z', '2026-03-30T00:30:00.000Z'])
    expect(second!.slice(0, 10)).toBe('2026-03-29')
  })
  it('comes once on the day on which its time of day comes twice', () => {
    const found = times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)
    expect(found.map(time => time.slice(0, 10))).toEqual(['2026-10-25', '2026-10-26'])
  })
  it('begins the week and the month by the zone\'s own clock', () => {
    expect(times('0 0 * * 1', 'Pacific/Auckland', '2026-11-28T00:00:00Z', 1)).toEqual(['2026-11-29T11:00:00.000Z'])
    expect(times('0 0 1 * *', 'America/New_York', '2026-11-28T00:00:00Z', 1)).toEqual(['2026-12-01T05:00:00.000Z'])
  })
  it('that never comes, or is none, is refused', () => {
    expect(() => nextTime('0 0 30 2 *', 'UTC', new Date('2026-01-01'))).toThrow('never comes')
    expect(() => nextTime('every day', 'UTC', new Date('2026-01-01'))).toThrow(TypeError)
    expect(() => nextTime('0 0 0 * * *', 'UTC', new Date('2026-01-01'))).toThrow(TypeError)
  })
})
