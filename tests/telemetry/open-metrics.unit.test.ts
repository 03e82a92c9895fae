import { afterEach, describe, expect, it, vi } from 'vitest'
import '#server/telemetry/database-metrics.ts'
import '#server/telemetry/live-metrics.ts'
import '#server/telemetry/redis-metrics.ts'
import '#server/telemetry/trace-metrics.ts'
import { httpDuration, httpRequests, scrape } from '#server/telemetry/metrics.ts'

const labels = { method: 'GET', route: '/api/v1/vehicles', status: '200' }
const traceId = '0af7651916cd43dd8448eb211c80319c'

/** Name and labels of each line that is a value; without what Node has or has not at a moment. */
const series = (text: string) =>
  text
    .split('\n')
    .filter(line => line && !/^(#|nodejs_(gc|active))/.test(line))
    .map(line => /^\S+?(?:\{.*?\})?(?= )/.exec(line)![0])
    .sort()

/** Those who ask within a second are given the same. */
function aSecondLater() {
  const at = performance.now() + 1_100
  vi.spyOn(performance, 'now').mockReturnValue(at)
}
afterEach(() => vi.restoreAllMocks())

describe('the metrics as OpenMetrics', () => {
  it('are the same series as in the text form, in whichever order they are asked for', async () => {
    httpRequests.inc(labels)
    httpDuration.observe({ labels, value: 0.02 })
    const before = series(await scrape())
    const asked = await scrape('openmetrics')
    expect(series(asked)).toEqual(before)
    expect(asked.endsWith('# EOF\n')).toBe(true)
    aSecondLater()
    expect(series(await scrape())).toEqual(before)
  })
  it('have an exemplar where a request is recorded, and the text form has none', async () => {
    aSecondLater()
    httpDuration.observe({ labels, value: 0.3, exemplarLabels: { trace_id: traceId } })
    httpDuration.observe({ labels, value: 0.02 })
    const lines = (await scrape('openmetrics')).split('\n').filter(line => line.includes(' # {'))
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^http_request_duration_seconds_bucket\\{le="0.5",.*\\} \\d+ # `
          + `\\{trace_id="${traceId}"\\} 0\\.3 [\\d.]+$`,
        ),
      ),
    ])
    expect(await scrape()).not.toContain(traceId)
  })
})
