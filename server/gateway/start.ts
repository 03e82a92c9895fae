import type { Config } from '#server/config/load.ts'
import type { Ingest } from '#server/fleet/ingest/ingest.ts'
import {
  beginTrackerSeries, trackerFaults, trackerRecords, trackersEnded, trackersRefused,
} from '#server/telemetry/gateway-metrics.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import { gauge, reading } from '#server/telemetry/metrics.ts'
import { openGateway, type Gateway } from './gateway.ts'
import { recordOutcomes, refusals } from './metrics.ts'
import { decodeFaults, trackerProtocols } from './protocol.ts'

/**
 * Opens the gateway by the configuration, with its metrics. Null: no protocol has a port.
 * Rejects with Node's own error where it cannot listen.
 */
export async function startGateway(
  config: Config, { ingest, log }: { ingest: Ingest, log: Logger },
): Promise<Gateway | null> {
  const ports = {
    teltonika: config.teltonikaPort, gt06: config.gt06Port, h02: config.h02Port,
  }
  const spoken = trackerProtocols.filter(name => ports[name] !== null)
  if (spoken.length === 0) return null
  beginTrackerSeries(spoken, { outcomes: recordOutcomes, faults: decodeFaults, refusals })
  const gateway = await openGateway({
    host: config.host ?? null,
    ports,
    maxConnections: config.gatewayMaxConnections,
    maxConnectionsPerAddress: config.gatewayMaxConnectionsPerAddress,
    trustedProxies: config.trustedProxies,
    ingest,
    log,
    metrics: {
      records: (protocol, outcome, count) => trackerRecords.inc({ protocol, outcome }, count),
      fault: (protocol, reason) => trackerFaults.inc({ protocol, reason }),
      ended: (protocol, reason) => trackersEnded.inc({ protocol, reason }),
      refused: (protocol, reason) => trackersRefused.inc({ protocol, reason }),
    },
  })
  gauge('fleet2_gateway_connections', 'Trackers that are connected', ['protocol'], () => {
    const counts = gateway.connections()
    return spoken.map(protocol => ({ labels: { protocol }, value: counts[protocol] }))
  })
  gauge('fleet2_gateway_connections_max', 'Trackers that may be connected to this instance', [], () => (
    reading(config.gatewayMaxConnections)
  ))
  return gateway
}
