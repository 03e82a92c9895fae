import type { Server } from 'node:http'
import { config as loadConfig } from '#server/config/current.ts'
import { SchemaMismatchError } from '#server/database/migrate.ts'
import { migrationsFromAssets } from '#server/database/migrations.ts'
import { setConsistency } from '#server/edge/consistency.ts'
import { setContextHeaders } from '#server/edge/context.ts'
import { methodsOfPath } from '#server/edge/endpoints.ts'
import { contextOfEvent, wrapHandler } from '#server/edge/handler.ts'
import { answerRehearsed, isRehearsed, rehearse } from '#server/edge/rehearsal.ts'
import { isPlainEndpoint, serveEndpoint } from '#server/edge/serve.ts'
import { closeAllStreams, openStreamCount, sendToAllStreams } from '#server/edge/live/event-stream.ts'
import { keepConnections } from '#server/lifecycle/connections.ts'
import { configurationExitCode } from '#server/config/load.ts'
import { watchListener } from '#server/lifecycle/listener.ts'
import { startGateway } from '#server/gateway/start.ts'
import type { Gateway } from '#server/gateway/gateway.ts'
import { installSignals, isDraining } from '#server/lifecycle/process.ts'
import { servicesIfOpen } from '#server/lifecycle/services.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import { startInstance, type Instance } from '#server/lifecycle/start.ts'
import { startTracing } from '#server/lifecycle/tracing.ts'
import { createLogger } from '#server/telemetry/logger.ts'
import { gauge, reading } from '#server/telemetry/metrics.ts'
import { countStreamsBy } from '#server/telemetry/load.ts'
import { exportRedisGauges } from '#server/lifecycle/redis-gauges.ts'
import { exportStatusGauges } from '#server/lifecycle/status-gauges.ts'
import { NotFoundError } from '#shared/errors.ts'
import { modes } from '#shared/live.ts'

/** For a request that is just arriving over a connection that was kept. */
const lingerMs = 1_000

/**
 * The process's beginning. What stands before the first await runs before the listener: a bad configuration
 * never listens.
 */
export default defineNitroPlugin((nitroApp) => {
  const config = loadConfig()
  const { log, reopen, flush } = createLogger({
    level: config.logLevel, instance: config.instanceId, readable: Boolean(process.stdout.isTTY),
    file: config.logFile, fileLimitBytes: config.logFileLimitMegabytes * 1_048_576,
  })
  process.on('exit', flush)
  // What was checked is what Nitro's listener reads, under whichever name.
  if (!import.meta.dev) {
    for (const name of ['HOST', 'NITRO_HOST', 'NITRO_UNIX_SOCKET', 'NITRO_SSL_CERT', 'NITRO_SSL_KEY'])
      Reflect.deleteProperty(process.env, name)
    process.env.NITRO_PORT = String(config.port)
    if (config.host) process.env.NITRO_HOST = config.host
  }
  // Nitro's own shutdown closes the listener at once, which loses what the balancer still sends. Ours drains
  // first.
  process.env.NITRO_SHUTDOWN_DISABLED = 'true'

  let server: Server | null = null
  let instance: Instance | null = null
  let gateway: Gateway | null = null
  watchListener({
    onServer: (ours) => {
      server = ours
      keepConnections(ours)
    },
    onFault({ message, configuration }) {
      log.fatal(message)
      process.exit(configuration ? configurationExitCode : 1)
    },
    onRefused: error => log.error({ err: error }, 'A connection could not be accepted'),
  })
  const pages = nitroApp.h3App.handler
  const endpoints = serveEndpoint({
    router: nitroApp.router.handler,
    methodsOf: methodsOfPath,
    headers: useRuntimeConfig().nitro.routeRules?.['/**']?.headers ?? {},
    config,
  })
  const handle = wrapHandler((event) => {
    if (config.role === 'gateway' && !isOfGateway(event.path)) throw new NotFoundError('page')
    return isPlainEndpoint(event.path) ? endpoints(event) : pages(event)
  }, {
    config,
    log,
    isDraining,
    cluster: () => servicesIfOpen()?.database.cluster() ?? null,
  })
  nitroApp.h3App.handler = ((event: Parameters<typeof handle>[0]) => {
    return isRehearsed(event) ? answerRehearsed(event) : handle(event)
  }) as typeof nitroApp.h3App.handler

  nitroApp.hooks.hook('beforeResponse', (event) => {
    const context = contextOfEvent(event)
    if (!context) return
    setContextHeaders(event, context)
    setConsistency(event, config, context)
  })
  installSignals({
    config, log, instance: () => instance, reopenLog: reopen, closeStreams: closeAllStreams,
    closeGateway: async () => gateway?.close(),
    closeListener: () => new Promise((resolve) => {
      if (!server) return resolve()
      server.close(() => resolve())
      server.closeIdleConnections()
      // No request is in flight by now. What is still open has never sent one, or belongs to a peer that has
      // vanished; Node would wait for it. (A drill saw an instance that had been frozen take its whole drain
      // time-out.)
      setTimeout(() => server?.closeAllConnections(), lingerMs).unref()
    }),
  })
  exportGauges()

  void (async () => {
    await startTracing(config, log)
    const migrations = await migrationsFromAssets(useStorage('assets:migrations'))
    instance = await startInstance({
      config,
      log,
      migrations,
      onStatus: () => sendToAllStreams('status', liveStatus()),
      warmUp: () => rehearse(nitroApp.localFetch, log),
    })
    gateway = await startGateway(config, { ingest: instance.services.ingest, log })
    // It may have been told to end meanwhile.
    if (isDraining()) await gateway?.close()
    log.info(`Fleet2 ${config.version} serves as ${config.instanceId}`)
  })().catch((error: unknown) => {
    log.fatal(
      { err: error instanceof SchemaMismatchError ? undefined : error },
      error instanceof Error ? error.message : String(error),
    )
    process.exit(1)
  })
})

/** What an instance that speaks to trackers alone answers over HTTP. */
function isOfGateway(path: string): boolean {
  return /^\/(metrics|api\/health)(\/|\?|$)/.test(path)
}

/** What Prometheus asks of the instance, read when it asks. */
function exportGauges() {
  gauge('fleet2_build_info', 'Always 1; the version is in the label', ['version'], () => [
    { labels: { version: loadConfig().version }, value: 1 },
  ])
  gauge('fleet2_mode', '1 for the current mode, 0 for the others', ['mode'], () => {
    const now = servicesIfOpen()?.health.verdict().mode
    return now ? modes.map(mode => ({ labels: { mode }, value: Number(mode === now) })) : []
  })
  gauge('fleet2_region_standby', '1 while this region replicates from another one and takes no changes', [], () => (
    [{ labels: {}, value: Number(servicesIfOpen()?.health.verdict().standby ?? false) }]
  ))
  gauge('fleet2_check_healthy', 'Health checks: 1 healthy, 0.5 degraded, 0 unhealthy', ['check'], () =>
    (servicesIfOpen()?.health.checks() ?? []).map(({ name, status }) => ({
      labels: { check: name },
      value: { healthy: 1, degraded: 0.5, unhealthy: 0 }[status],
    })),
  )
  countStreamsBy(openStreamCount)
  exportRedisGauges(() => servicesIfOpen()?.redis ?? null, () => servicesIfOpen()?.registry ?? null)
  exportStatusGauges(() => servicesIfOpen()?.statusPage ?? null)
  gauge('fleet2_event_streams', 'Open live streams', [], () => reading(openStreamCount()))
  const maxHelp = 'Maximum number of live streams on this instance (`NUXT_MAX_EVENT_STREAMS`)'
  gauge('fleet2_event_streams_max', maxHelp, [], () => reading(loadConfig().maxEventStreams))
  const waitingHelp = 'Device messages waiting to be committed; at 5,000 devices are told to send again'
  gauge('fleet2_ingest_waiting', waitingHelp, [], () => reading(servicesIfOpen()?.ingest.waiting()))
  gauge('fleet2_draining', '1 while the instance is draining', [], () => reading(isDraining()))
}
