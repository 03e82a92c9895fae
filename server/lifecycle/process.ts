import type { Config } from '#server/config/load.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import { requestsInFlight } from '#server/telemetry/metrics.ts'
import { closeServices, closingService, servicesIfOpen } from './services.ts'
import { endEmbeddedDatabase, type Instance } from './start.ts'
import { closeTracing } from '#server/telemetry/tracing.ts'
import { tracesFlushMs } from './tracing.ts'

let draining = false

/** Whether the instance is ending: it still serves, and tells the balancer not to send more. */
export function isDraining(): boolean {
  return draining
}

/** How often the end of the requests in flight is looked for. */
const pollMs = 50

/**
 * Requests that arrive after the drain delay over connections that are still open get this long a chance to
 * be the last.
 */
const settleMs = 100

/**
 * Ends the process in named steps: say no to the balancer, go on serving until it has noticed, move the live
 * streams, let what is in flight finish, stop the work, close the services. A second signal, or the drain
 * time-out, ends it at once.
 */
export function installSignals({
  config, log, instance, reopenLog, closeStreams, closeGateway, closeListener,
}: {
  config: Config
  log: Logger
  instance: () => Instance | null
  reopenLog: () => void
  /** Tells the browsers to connect elsewhere and ends their streams. */
  closeStreams: (reason: string) => void
  /** Acknowledges what trackers have sent, and ends their connections. */
  closeGateway: () => Promise<void>
  closeListener: () => Promise<void>
}) {
  let started = false

  async function drain(signal: string) {
    if (started) {
      log.warn(`${signal} again: exiting now`)
      process.exit(1)
    }
    started = true
    draining = true
    const since = Date.now()
    let present = ''
    log.info(`${signal}: draining`)
    setTimeout(() => {
      log.error(
        { step: present, closing: closingService() },
        `Not drained within ${config.drainTimeoutSeconds} s (waiting for: ${present}): exiting now`,
      )
      process.exit(1)
    }, config.drainTimeoutSeconds * 1000).unref()

    const steps: [string, () => unknown][] = [
      ['health says no', () => servicesIfOpen()?.health.setPhase('draining')],
      ['the balancer notices', () => pause(config.drainDelaySeconds * 1000)],
      ['live streams move', () => closeStreams('This instance is shutting down')],
      ['trackers move', closeGateway],
      ['requests in flight finish', inFlightFinish],
      ['the listener closes', closeListener],
      ['jobs stop', () => instance()?.stopWork()],
      ['services close', closeServices],
      ['traces are sent', () => closeTracing(tracesFlushMs)],
      ['the embedded database ends', endEmbeddedDatabase],
    ]
    for (const [name, step] of steps) {
      present = name
      try {
        await step()
        log.debug(`Drain: ${name}`)
      }
      catch (error) {
        log.error({ err: error }, `Drain: ${name} failed`)
      }
    }
    log.info(`Ended in ${((Date.now() - since) / 1000).toFixed(1)} s`)
    process.exit(0)
  }

  process.on('SIGTERM', signal => void drain(signal))
  process.on('SIGINT', signal => void drain(signal))
  process.on('SIGHUP', reopenLog)
  // A rejected promise that nobody waits for is a bug in one request, not a reason to end everybody else's.
  process.on('unhandledRejection', error =>
    log.error({ err: error }, 'Unhandled promise rejection'),
  )
  process.on('uncaughtException', (error) => {
    // After it the state of the process is not known (Node's documentation): the supervisor starts a fresh
    // one.
    log.fatal({ err: error }, 'Uncaught exception: shutting down')
    process.exit(1)
  })
}

async function inFlightFinish() {
  await pause(settleMs)
  // The time-out above is the limit.
  while ((await requestsInFlight.get()).values.some(({ value }) => value > 0)) await pause(pollMs)
}

function pause(ms: number) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
