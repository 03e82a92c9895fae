import type { Lab } from '../../../lab/types.ts'
import { waitFor } from '../../../lab/wait.ts'
import { alerts as rules } from '../../deploy/alerts/rules.ts'
import type { Firing, Severity } from './course.ts'

interface Labels { alertname: string, severity: Severity, component?: string, instance?: string }
interface Series { metric: Labels, values: [number, string][] }
interface Alert { labels: Labels, state: 'pending' | 'firing' }

/** prometheus.yml's evaluation_interval, seconds: an alert fires for no shorter. */
const stepSeconds = 5

/**
 * Alerts that fired between two moments (milliseconds since 1970), by name and severity. Those of the machine
 * that carries the lab (component `host`: CPU, memory, disk) say nothing of what was done to the lab, and are
 * left out.
 */
export async function firingsBetween(lab: Lab, from: number, to: number): Promise<Firing[]> {
  const { result } = await ask<{ result: Series[] }>(lab, 'query_range', {
    query: 'ALERTS{alertstate="firing"}', step: String(stepSeconds),
    start: String(from / 1000), end: String(to / 1000),
  })
  return firingsOf(result, to)
}

/** What `query_range` says, as firings. */
export function firingsOf(series: Series[], to: number): Firing[] {
  const ofLab = series.filter(({ metric }) => metric.component !== 'host' && metric.alertname !== 'Watchdog')
  const named = Map.groupBy(ofLab, ({ metric: { alertname, severity } }) => `${alertname} ${severity}`)
  return [...named.values()].map((all): Firing => {
    const times = all.flatMap(({ values }) => values.map(([at]) => at * 1000))
    const last = Math.max(...times)
    const { alertname: alert, severity } = all[0]!.metric
    return {
      alert,
      severity,
      at: Math.min(...times),
      overAt: to - last < 2 * stepSeconds * 1000 ? null : last,
    }
  }).sort((one, other) => one.at - other.at)
}

/** What waits for many minutes before it fires does not fire because of what comes next. */
const slow = rules.filter(rule => /^([5-9]|\d\d+)m$|h$/.test(rule.for ?? ''))
  .map(({ alert, labels }) => `${alert} ${labels.severity}`)

/** Rates over five minutes forget slowly. */
const quietLimitMs = 420_000

/**
 * Waits until nothing above info fires or is about to, and none of those that are named. @throws with what
 * does.
 */
export async function quiet(lab: Lab, alsoInfo: string[] = []): Promise<void> {
  await waitFor('no alert above info', async () => {
    const left = await alertsNow(lab, alsoInfo)
    if (left.length) throw new Error(left.join(', '))
    return true
  }, { limitMs: quietLimitMs, everyMs: 1_000 })
}

/** Alerts above info that fire or are about to, as `NodeDown at app1`; and those of info that are named. */
async function alertsNow(lab: Lab, alsoInfo: string[]): Promise<string[]> {
  const { alerts } = await ask<{ alerts: Alert[] }>(lab, 'alerts', {})
  return alerts
    .filter(({ state, labels: { alertname, severity, component } }) =>
      component !== 'host' && (severity !== 'info' || alsoInfo.includes(alertname))
      && (state === 'firing' || !slow.includes(`${alertname} ${severity}`)))
    .map(({ labels: { alertname, instance } }) => instance ? `${alertname} at ${instance}` : alertname)
}

async function ask<Data>(lab: Lab, what: string, parameters: Record<string, string>): Promise<Data> {
  const url = `${lab.addresses.prometheus}/api/v1/${what}?${new URLSearchParams(parameters)}`
  const response = await fetch(url, { headers: { connection: 'close' } })
  const body = await response.json() as { status: string, data: Data, error?: string }
  if (body.status !== 'success') throw new Error(`Prometheus: ${body.error}`)
  return body.data
}
