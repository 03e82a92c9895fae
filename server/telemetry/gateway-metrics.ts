import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

export const trackerRecords = new Counter({
  name: 'fleet2_gateway_records_total',
  help: 'Records of trackers by what became of them; all but unknown, token and unavailable are acknowledged',
  labelNames: ['protocol', 'outcome'] as const,
  registers: [registry],
})
export const trackerFaults = new Counter({
  name: 'fleet2_gateway_decode_errors_total',
  help: 'Messages of trackers that could not be read, by what was wrong with them',
  labelNames: ['protocol', 'reason'] as const,
  registers: [registry],
})
export const trackersEnded = new Counter({
  name: 'fleet2_gateway_connections_ended_total',
  help: 'Connections of trackers that ended, by why',
  labelNames: ['protocol', 'reason'] as const,
  registers: [registry],
})
export const trackersRefused = new Counter({
  name: 'fleet2_gateway_refused_total',
  help: 'Connections and datagrams of trackers that were not taken, by which bound was reached',
  labelNames: ['protocol', 'reason'] as const,
  registers: [registry],
})

/** Begins each series at 0, so that the first one shows. */
export function beginTrackerSeries(
  protocols: readonly string[],
  reasons: { outcomes: readonly string[], faults: readonly string[], refusals: readonly string[] },
) {
  for (const protocol of protocols) {
    for (const outcome of reasons.outcomes) trackerRecords.inc({ protocol, outcome }, 0)
    for (const reason of reasons.faults) trackerFaults.inc({ protocol, reason }, 0)
    for (const reason of reasons.refusals) trackersRefused.inc({ protocol, reason }, 0)
  }
}
