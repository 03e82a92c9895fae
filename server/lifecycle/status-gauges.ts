import { noticeStates } from '#server/health/notice.ts'
import type { StatusPage } from '#server/health/status-page.ts'
import { gauge } from '#server/telemetry/metrics.ts'
import { partStates } from '#shared/schemas/status.ts'

/** What Prometheus asks of the public status page, answered from memory. */
export function exportStatusGauges(page: () => StatusPage | null): void {
  const partHelp = 'What the status page says of a part: 0 operational, 1 limited, 2 partly away, 3 away'
  gauge('fleet2_status_part', partHelp, ['part'], () => {
    const parts = page()?.current().parts ?? []
    return parts.map(({ id, state }) => ({ labels: { part: id }, value: partStates.indexOf(state) }))
  })
  gauge('fleet2_status_notice', '1 for what has become of the operator\'s notice', ['state'], () => {
    const now = page()?.notice.state()
    return now ? noticeStates.map(state => ({ labels: { state }, value: Number(state === now) })) : []
  })
  const uptimeHelp = '1 while Prometheus has said the uptime lately; absent where none is configured'
  gauge('fleet2_status_uptime_known', uptimeHelp, [], () => {
    const state = page()?.current().uptime.state ?? 'not-configured'
    return state === 'not-configured' ? [] : [{ labels: {}, value: Number(state === 'known') }]
  })
}
