import type { Chart } from '#shared/operations.ts'
import type { Port } from './look.ts'
import type { Prometheus, Range, Series } from './prometheus.ts'

export const chartHours = 3

/** A hundred and eighty points are as many as a small drawing shows. */
const stepSeconds = 60

/**
 * As the alerts compute them (deploy/monitoring/rules), from the metrics themselves: they need no rule to be
 * loaded.
 */
const asked: (Omit<Chart, 'points'> & { expression: string })[] = [
  {
    name: 'requests', title: 'Requests', unit: 'per second', expression: 'sum(rate(http_requests_total[2m]))',
  },
  {
    name: 'errors', title: 'Error responses (5xx)', unit: 'percent',
    expression: '100 * (sum(rate(http_requests_errors_total[2m])) or vector(0))'
      + ' / (sum(rate(http_requests_total[2m])) > 0)',
  },
  {
    name: 'p95', title: 'Response time (p95)', unit: 'seconds',
    expression: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m])))',
  },
  {
    name: 'lag', title: 'Largest replication lag', unit: 'seconds',
    expression: 'max(pg_replication_lag_seconds) or max(fleet2_database_replica_lag_seconds)',
  },
]

/** The last hours of all instances together. */
export function chartsByPrometheus(prometheus: Prometheus, now: () => number = Date.now): Port<Chart[]> {
  return {
    source: 'Prometheus',
    async ask(signal) {
      // On the step, so that two looks at the same minute show the same points.
      const to = Math.floor(now() / 1000 / stepSeconds) * stepSeconds
      const range = { from: to - chartHours * 3_600, to, stepSeconds }
      return Promise.all(asked.map(async ({ expression, ...chart }) => ({
        ...chart, points: pointsOf(await prometheus.queryRange(expression, range, signal), range),
      })))
    },
  }
}

/** The first series, with a point for each step: null where it has no value, or none that is a number. */
export function pointsOf([first]: Series[], { from, to, stepSeconds }: Range): Chart['points'] {
  const known = new Map(first?.points.map(({ at, value }) => [Math.round(at), value]))
  const steps = Math.floor((to - from) / stepSeconds)
  return Array.from({ length: steps + 1 }, (_, step) => {
    const at = from + step * stepSeconds
    const value = known.get(at)
    return { at, value: value !== undefined && Number.isFinite(value) ? value : null }
  })
}
