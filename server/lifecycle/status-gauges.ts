import { noticeStates } from '#server/health/notice.ts'
import type { StatusPage } from '#server/health/status-page.ts'
import { gauge } from '#server/telemetry/metrics.ts'
import { partStates, uptimeStates } from '#shared/status.ts'

/** What Prometheus asks of the public status page, answered from memory. */
export function exportStatusGauges(page: () => StatusPage | null): void {
  const partHelp = 'State of a component on the status page: 0 operational, 1 limited, 2 partly '
    + 'unavailable, 3 unavailable; part: website, saving, live, devices, sign-in'
  gauge('fleet2_status_part', partHelp, ['part'], () => {
    const parts = page()?.current().parts ?? []
    return parts.map(({ id, state }) => ({ labels: { part: id }, value: partStates.indexOf(state) }))
  })
  gauge('fleet2_status_notice', '1 for the current state of the operator\'s notice file; state: none, '
  + 'shown, refused (the file is not as it should be, and the log says why)', ['state'], () => {
    const now = page()?.notice.state()
    return now ? noticeStates.map(state => ({ labels: { state }, value: Number(state === now) })) : []
  })
  gauge(
    'fleet2_status_uptime',
    '1 for whether the status page has the uptime of past days; state: known, not-known (Prometheus has '
    + 'not said it for an hour), not-configured',
    ['state'],
    () => {
      const now = page()?.current().uptime.state
      return now ? uptimeStates.map(state => ({ labels: { state }, value: Number(state === now) })) : []
    },
  )
}
