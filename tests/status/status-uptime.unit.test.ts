import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Prometheus, Series } from '#server/cluster/prometheus.ts'
import { daysOf, sharesIn, uptimeOf, watchUptime, type Share } from '#server/health/uptime.ts'
import { percentInWords } from '../../composables/status/service-status.ts'
import { until } from '../support/until.ts'

const quarterMs = 15 * 60_000
const dayMs = 86_400_000
const now = Date.UTC(2026, 10, 24, 9, 20)
const today = Date.UTC(2026, 10, 24)

/** Each quarter of an hour that ends in the stretch. */
function samples(from: number, to: number, value: number): Share[] {
  const found: Share[] = []
  for (let at = from + quarterMs; at <= to; at += quarterMs) found.push({ at, value })
  return found
}

describe('the days', () => {
  it('are 90 of UTC, the present one last; those without data have none, and are not 100 %', () => {
    const days = daysOf([], now)
    expect([days.length, days[0]!.date, days.at(-1)!.date]).toEqual([90, '2026-08-27', '2026-11-24'])
    expect(days.every(({ uptime, measuredMinutes }) => uptime === null && measuredMinutes === 0)).toBe(true)
    expect(uptimeOf(days)).toBeNull()
  })
  it('are reckoned by what was measured of each, and a sample belongs to the time before it', () => {
    const noon = today - dayMs / 2
    const yesterday = [...samples(today - dayMs, noon, 1), ...samples(noon, today, 0.5)]
    const days = daysOf([...yesterday, ...samples(today, today + 9 * 3_600_000, 1)], now)
    expect(days.slice(-3)).toEqual([
      { date: '2026-11-22', uptime: null, measuredMinutes: 0 },
      { date: '2026-11-23', uptime: 0.75, measuredMinutes: 1_440 },
      { date: '2026-11-24', uptime: 1, measuredMinutes: 540 },
    ])
    expect(uptimeOf(days)).toBeCloseTo((0.75 * 1_440 + 540) / 1_980, 5)
  })
  it('are never rounded up to a whole', () => {
    const day = samples(today - dayMs, today, 1)
    day[7]!.value = 0.99999
    const uptime = daysOf(day, now).at(-2)!.uptime!
    expect(uptime).toBeLessThan(1)
    expect(percentInWords(uptime)).toBe('99.99%')
    expect([1, 0.9999, 0.99989, 0].map(percentInWords)).toEqual(['100.00%', '99.99%', '99.98%', '0.00%'])
  })
})

/** What Prometheus answers with: each list a series, of seconds and values. */
const series = (...lists: [number, number][][]): Series[] => lists.map(points => ({
  labels: {}, points: points.map(([at, value]) => ({ at, value })),
}))

describe('an answer of Prometheus\'s', () => {
  it('is shares, those in which nothing was measured left out', () => {
    expect(sharesIn(series([[0, 1], [900, Number.NaN], [1800, 0.5], [2700, 1 + 1e-12]]))).toEqual([
      { at: 0, value: 1 }, { at: 1_800_000, value: 0.5 }, { at: 2_700_000, value: 1 },
    ])
    expect(sharesIn([])).toEqual([])
  })
  it.each<[string, Series[], RegExp]>([
    ['of several series', series([[0, 1]], [[0, 1]]), /2 series; the query must give one/],
    ['with what is no share', series([[0, 17]]), /17; the query must give shares/],
    ['with what is below nothing', series([[0, -0.1]]), /-0.1; the query must give shares/],
    ['with what has no end', series([[0, Infinity]]), /Infinity; the query must give shares/],
  ])('%s is not believed, and it is said why', (_, answer, fault) => {
    expect(() => sharesIn(answer)).toThrow(fault)
  })
})

describe('the uptime', () => {
  const log = pino({ level: 'silent' })
  const quarter = Math.floor(now / quarterMs) * quarterMs

  it('is not configured without an address', () => {
    const uptime = watchUptime({ prometheus: null, query: 'up', log })
    uptime.start()
    expect(uptime.current()).toEqual({ state: 'not-configured', uptime: null, asOf: null, days: [] })
  })
  it('is asked for once, whoever looks; and is kept for an hour without an answer', async () => {
    let questions = 0
    const prometheus: Pick<Prometheus, 'queryRange'> = {
      async queryRange(query, { from, to, stepSeconds }) {
        questions++
        expect([query, stepSeconds, to * 1000, (to - from) / 86_400 > 89]).toEqual(['up', 900, quarter, true])
        return series([[today / 1000 + 900, 1], [today / 1000 + 1_800, 0.5]])
      },
    }
    const clock = { now }
    const options = { prometheus: prometheus as Prometheus, query: 'up', log }
    const uptime = watchUptime({ ...options, now: () => clock.now })
    try {
      expect(uptime.current().state).toBe('not-known')
      uptime.start()
      await until(() => uptime.current().state === 'known', 'the answer')
      for (let visitor = 0; visitor < 1_000; visitor++) uptime.current()
      expect(questions).toBe(1)
      expect(uptime.current()).toMatchObject({ uptime: 0.75, asOf: new Date(now).toISOString() })
      expect(uptime.current().days).toHaveLength(90)
      clock.now += 59 * 60_000
      expect(uptime.current().state).toBe('known')
      clock.now += 2 * 60_000
      expect(uptime.current()).toEqual({ state: 'not-known', uptime: null, asOf: null, days: [] })
    }
    finally {
      uptime.stop()
    }
  })
  it('that is called off while Prometheus is silent is no fault of Prometheus\'s', async () => {
    const lines: string[] = []
    const listening = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const silent = Promise.withResolvers<AbortSignal>()
    const uptime = watchUptime({
      prometheus: {
        query: () => Promise.reject(new Error('not asked')),
        queryRange: (query, range, signal) => new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
          silent.resolve(signal)
        }),
      }, query: 'up', log: listening,
    })
    uptime.start()
    const signal = await silent.promise
    uptime.stop()
    expect(signal.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(lines).toEqual([])
  })
})
