/**
 * The series of `metric` in the chosen environment. Further matchers as PromQL writes them: `job="redis"`.
 */
export function series(metric: string, ...matchers: string[]): string {
  return `${metric}{${['environment=~"$environment"', ...matchers].join(',')}}`
}

/** Of what the variable `instance` chooses. */
export const chosen = 'instance=~"$instance"'

/** Per second, over as long as Grafana's step and the scrape interval need. */
export function rate(metric: string, ...matchers: string[]): string {
  return `rate(${series(metric, ...matchers)}[$__rate_interval])`
}

/** A quantile of a histogram, in its unit. */
export function quantile(q: number, metric: string, by: string[], ...matchers: string[]): string {
  const buckets = rate(`${metric}_bucket`, ...matchers)
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${buckets}))`
}

/**
 * Grafana's variables replaced by what they stand for, so that Prometheus, or its grammar, can read the
 * expression.
 */
export function filledIn(expression: string,
  { range = '15m', instance = '.+', environment = '.*' } = {}): string {
  return expression
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', range)
    .replaceAll('$environment', environment)
    .replaceAll('$instance', instance)
}
