import { getHeapStatistics } from 'node:v8'
import {
  Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type OpenMetricsContentType,
} from 'prom-client'
import { credibilities } from '#shared/device-messages.ts'

/** The registry of this process. Names without a prefix are the specification's own. */
export const registry = new Registry()
collectDefaultMetrics({ register: registry })

/** Prometheus asks every 10 to 15 s. */
const scrapeSharedMs = 1_000

/** The two forms that a scraper may ask for, each with its content type. */
export type MetricsForm = 'text' | 'openmetrics'
export const metricsContentTypes: Record<MetricsForm, string> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
}
const lastScrapes: Partial<Record<MetricsForm, { at: number, text: Promise<string> }>> = {}

/**
 * All metrics, in Prometheus' text form or in OpenMetrics, which has exemplars. Some are measured from one
 * scrape to the next (the event loop's lag) and begun anew by each: of two that come together, the second
 * would find nothing measured, and say a least lag of nine thousand million seconds. So those who come within
 * a second are given the same.
 */
export function scrape(form: MetricsForm = 'text'): Promise<string> {
  const now = performance.now()
  const last = lastScrapes[form]
  if (last && now - last.at <= scrapeSharedMs) return last.text
  const text = form === 'text' ? registry.metrics() : inOpenMetrics()
  lastScrapes[form] = { at: now, text }
  return text
}

/** What prom-client's registries ask of a metric; its type declarations leave it out. */
interface Readable {
  name: string
  type: string
  get(): Promise<{ name: string, type: string }>
  getForPromString?(): Promise<{ name: string, type: string }>
}

/**
 * The same metrics as OpenMetrics. prom-client has one form a registry, and renames a registry's counters
 * when it writes them in this one: so it is given stand-ins that read the real ones.
 */
function inOpenMetrics(): Promise<string> {
  const view = new Registry<OpenMetricsContentType>()
  view.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const metric of registry.getMetricsAsArray() as unknown as Readable[]) {
    const standIn: Readable = {
      name: metric.name,
      type: metric.type,
      get: () => standIn.getForPromString!(),
      async getForPromString() {
        const read = await (metric.getForPromString ? metric.getForPromString() : metric.get())
        return read.type === 'counter' ? { ...read, name: read.name.replace(/_total$/, '') } : read
      },
    }
    view.registerMetric(standIn as never)
  }
  return view.metrics()
}

const labels = ['method', 'route', 'status'] as const

/**
 * Bounds of the latency histogram, in seconds: fine where a healthy answer lies, and the specification's 2 s
 * and 5 s thresholds.
 */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20]

export const httpRequests = new Counter({
  name: 'http_requests_total',
  help: 'HTTP requests answered; status 499: the client went away first',
  labelNames: labels,
  registers: [registry],
})
export const httpDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from the arrival of a request to the end of its response, live streams excluded',
  // prom-client's declarations want an exemplar's label among the metric's own.
  labelNames: labels as readonly ((typeof labels)[number] | 'trace_id')[],
  buckets: seconds,
  // Registered below: prom-client refuses a metric with exemplars where the registry's own form has none.
  enableExemplars: true,
  registers: [],
})
registry.registerMetric(httpDuration)
export const httpErrors = new Counter({
  name: 'http_requests_errors_total',
  help: 'HTTP requests answered with a 5xx status',
  labelNames: labels,
  registers: [registry],
})

export const requestsInFlight = new Gauge({
  name: 'fleet2_http_requests_in_flight',
  help: 'Requests in progress, live streams excluded',
  registers: [registry],
})
export const positionsAccepted = new Counter({
  name: 'fleet2_positions_total',
  help: 'Device messages; outcome: stored, duplicate, quarantined, seen',
  labelNames: ['outcome'] as const,
  registers: [registry],
})
export const positionsQuarantined = new Counter({
  name: 'fleet2_positions_quarantined_total',
  help: 'Device messages quarantined; reason: time, latitude, longitude, speed, course, altitude, '
    + 'refused (by the database, which the bounds should have foreseen)',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const positionsJudged = new Counter({
  name: 'fleet2_positions_judged_total',
  help: 'Positions stored, by what they were judged to be when they came; credibility: ok (only this '
    + 'moves a vehicle), no-fix, outdated, clock-ahead, implausible (also one that waited for its '
    + 'neighbour), inaccurate',
  labelNames: ['credibility'] as const,
  registers: [registry],
})
export const deviceEventsStored = new Counter({
  name: 'fleet2_device_events_total',
  help: 'Alarms and other events of devices that were stored, each once',
  registers: [registry],
})
const messagesRefused = new Counter({
  name: 'fleet2_device_requests_refused_total',
  help: 'Requests of devices that were refused for who they said they were',
  labelNames: ['reason'] as const,
  registers: [registry],
})
const messagesLimited = new Counter({
  name: 'fleet2_device_requests_limited_total',
  help: 'Requests of devices that were told to come back later, by the limit that they met',
  labelNames: ['limit'] as const,
  registers: [registry],
})
export const positionBatch = new Histogram({
  name: 'fleet2_position_batch_positions',
  help: 'Positions committed in one transaction',
  buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
  registers: [registry],
})
const signIns = new Counter({
  name: 'fleet2_sign_ins_total',
  help: 'Sign-in attempts; outcome: accepted, refused (the password or the address was wrong), '
    + 'throttled (too many), failed (anything else, such as a database that was unavailable)',
  labelNames: ['outcome'] as const,
  registers: [registry],
})

/** A counter. Name, help and labels are written out where it is made, for `docs/metrics.md`. */
export function counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
}

interface Reading<Label extends string> { labels: Record<Label, string>, value: number }

/**
 * A gauge that is read when Prometheus asks. What is not read is absent: a value that is not known is no 0,
 * which would be a statement.
 */
export function gauge<Label extends string>(
  name: string, help: string, labelNames: readonly Label[], read: () => readonly Reading<Label>[],
) {
  return new Gauge({
    name, help, labelNames: [...labelNames], registers: [registry],
    collect() {
      this.reset()
      // Of a gauge without labels prom-client makes a 0.
      if (labelNames.length === 0) this.remove()
      for (const { labels, value } of read()) this.set(labels, value)
    },
  })
}

/** The reading of a gauge without labels. Null: not known. */
export function reading(value: number | boolean | null | undefined): Reading<never>[] {
  return typeof value === 'number' || typeof value === 'boolean' ? [{ labels: {}, value: Number(value) }] : []
}

gauge('nodejs_heap_size_bytes', 'V8 heap; type: used, total', ['type'], () => {
  const { heapUsed, heapTotal } = process.memoryUsage()
  return [{ labels: { type: 'used' }, value: heapUsed }, { labels: { type: 'total' }, value: heapTotal }]
})

gauge('fleet2_heap_size_limit_bytes', 'Maximum size of the V8 heap', [], () => (
  reading(getHeapStatistics().heap_size_limit)
))

// Beside the time of the scrape it shows a clock that is wrong.
gauge('fleet2_clock_seconds', 'Wall clock of this host, in seconds since 1970; against the time of the '
+ 'scrape it shows a clock that is wrong', [], () => (
  reading(Date.now() / 1000)
))

/**
 * Begins each series of a counter with one label at 0: one that began with its first failure would show no
 * increase by it.
 * @param values all that the label may be, where it is counted by the returned function alone.
 */
export function fromZero<Label extends string, Value extends string>(
  counter: Counter<Label>, values: readonly Value[],
): (value: Value) => void {
  for (const value of values) counter.labels(value).inc(0)
  return value => counter.labels(value).inc()
}

httpErrors.inc({ method: 'GET', route: 'page', status: '500' }, 0)
fromZero(positionsQuarantined, ['refused'])
fromZero(positionsJudged, credibilities)
fromZero(positionsAccepted, ['stored', 'duplicate', 'quarantined', 'seen'])
export const countRefused = fromZero(messagesRefused, ['unknown', 'token'])
export const countLimited = fromZero(messagesLimited, ['device', 'organisation', 'address'])
export const countSignIn = fromZero(signIns, ['accepted', 'refused', 'throttled', 'failed'])
