import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { answerLimitBytes, askPrometheus, type Sample } from '#server/health/prometheus.ts'
import { daysOf, uptimeOf, watchUptime } from '#server/health/uptime.ts'
import { percentInWords } from '../../composables/service-status.ts'
import { until } from '../support/until.ts'

const quarterMs = 15 * 60_000
const dayMs = 86_400_000
const now = Date.UTC(2026, 10, 24, 9, 20)
const today = Date.UTC(2026, 10, 24)

/** Each quarter of an hour that ends in the stretch. */
function samples(from: number, to: number, value: number): Sample[] {
  const found: Sample[] = []
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

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach(close => close()))

/** Something that listens where Prometheus should. */
async function listener(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<URL> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}
const says = (text: string, status = 200) => (
  listener((_, response) => void response.writeHead(status).end(text))
)
const matrix = (...series: [number, string][][]) => JSON.stringify({
  status: 'success', data: { resultType: 'matrix', result: series.map(values => ({ metric: {}, values })) },
})
const question = { query: 'up', start: 0, end: 900_000, stepMs: 900_000 }
const faultOf = (url: URL, limitMs?: number) => (
  askPrometheus([url], question, limitMs).then(() => null, (error: Error) => error.message)
)

describe('a Prometheus that answers', () => {
  it('with a series gives its samples, those in which nothing was measured left out', async () => {
    const url = await says(matrix([[0, '1'], [900, 'NaN'], [1800, '0.5']]))
    expect(await askPrometheus([url], question)).toEqual([{ at: 0, value: 1 }, { at: 1_800_000, value: 0.5 }])
    expect(await askPrometheus([await says(matrix())], question)).toEqual([])
  })
  it.each<[string, string, RegExp]>([
    ['with a page', '<html>welcome</html>', /does not answer as Prometheus does/],
    ['with nothing', '', /does not answer as Prometheus does/],
    ['with other JSON', matrix([[0, 1 as unknown as string]]), /does not answer/],
    ['with another kind of result', '{"data":{"resultType":"scalar","result":[0,"1"]}}', /does not answer/],
    ['with several series', matrix([[0, '1']], [[0, '1']]), /2 series; the query must give one/],
    ['with what is no share', matrix([[0, '17']]), /17; the query must give shares/],
    ['with what is no number', matrix([[0, '+Inf']]), /\+Inf; the query must give shares/],
  ])('%s is not believed, and it is said why', async (_, text, fault) => {
    expect(await faultOf(await says(text))).toMatch(fault)
  })
  it('with an error is quoted', async () => {
    const words = 'parse error: unexpected "}"'
    const error = JSON.stringify({ status: 'error', errorType: 'bad_data', error: words })
    expect(await faultOf(await says(error, 400))).toMatch(/answers 400: parse error: unexpected "}"$/)
    expect(await faultOf(await says('<html>Bad Gateway</html>', 502))).toMatch(/answers 502$/)
  })
  it('without an end is not read to its end', async () => {
    let sent = 0
    const url = await listener((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536
      }
      response.on('drain', more)
      more()
    })
    expect(await faultOf(url)).toMatch(new RegExp(`over ${answerLimitBytes} bytes`))
    expect(sent).toBeLessThan(answerLimitBytes * 20)
  })
  it('too late, or stops in the middle, is given up', async () => {
    expect(await faultOf(await listener(() => {}), 100)).toMatch(/no answer within 100 ms/)
    const half = await listener((_, response) => void response.write('{"status":'))
    expect(await faultOf(half, 100)).toMatch(/no answer within 100 ms/)
  })
  it('with a redirect leads nowhere', async () => {
    let followed = false
    const target = await listener((_, response) => {
      followed = true
      response.end(matrix([[0, '1']]))
    })
    const url = await listener((_, response) => void response.writeHead(307, { location: target.href }).end())
    expect(await faultOf(url)).toMatch(/cannot be asked/)
    expect(followed).toBe(false)
  })
  it('not at all is passed by, and no fault has a password in it', async () => {
    const nobody = new URL('http://kim:hunter2@127.0.0.1:9')
    expect(await faultOf(nobody)).toMatch(/^127\.0\.0\.1:9: cannot be asked \(/)
    expect(await faultOf(nobody)).not.toMatch(/hunter2|kim/)
    expect(await askPrometheus([nobody, await says(matrix([[0, '1']]))], question)).toHaveLength(1)
  })
  it('is shown the user and password of its address, under the path that it has', async () => {
    let asked: string[] = []
    const url = await listener((request, response) => {
      asked = [String(request.url), String(request.headers.authorization)]
      response.end(matrix())
    })
    await askPrometheus([new URL(`http://kim:p%40ss@${url.host}/prometheus/`)], question)
    const token = Buffer.from('kim:p@ss').toString('base64')
    expect(asked).toEqual(['/prometheus/api/v1/query_range', `Basic ${token}`])
  })
})

describe('the uptime', () => {
  const log = pino({ level: 'silent' })

  it('is not configured without an address', () => {
    const uptime = watchUptime({ urls: [], query: 'up', log })
    uptime.start()
    expect(uptime.current()).toEqual({ state: 'not-configured', uptime: null, asOf: null, days: [] })
  })
  it('is asked for once, whoever looks; and is kept for an hour without an answer', async () => {
    let questions = 0
    const url = await listener((_, response) => {
      questions++
      response.end(matrix([[today / 1000 + 900, '1'], [today / 1000 + 1_800, '0.5']]))
    })
    const clock = { now }
    const uptime = watchUptime({ urls: [url], query: 'up', log, now: () => clock.now })
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
})
