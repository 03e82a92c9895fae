import type { Config } from '#server/config/load.ts'
import type { Logger } from '#server/telemetry/logger.ts'
// There with traces off too: a counter that begins with its first failure shows no increase by it.
import '#server/telemetry/trace-metrics.ts'
import { useTracing } from '#server/telemetry/tracing.ts'

/** A collector that answers takes milliseconds; an instance's end waits no longer for one that does not. */
export const tracesFlushMs = 1_000

/** Turns tracing on where it is asked for. Never rejects: an instance is worth more than its traces. */
export async function startTracing(config: Config, log: Logger): Promise<void> {
  if (config.tracesExporter === 'none') return
  try {
    const { openOtel } = await import('#server/telemetry/otel.ts')
    useTracing(openOtel({
      endpoint: config.traceEndpoint,
      headers: config.traceHeaders,
      timeoutMs: config.traceTimeoutMs,
      ratio: config.traceRatio,
      maxWaiting: config.traceQueueSize,
      delayMs: config.traceDelayMs,
      serviceName: config.traceServiceName,
      attributes: config.traceAttributes,
      instance: config.instanceId,
      version: config.version,
      log,
    }))
    const { host } = new URL(config.traceEndpoint)
    log.info({ collector: host, ratio: config.traceRatio }, 'Traces are recorded')
  }
  catch (error) {
    log.error({ err: error }, 'Traces cannot be recorded; the instance runs without them')
  }
}
