import type { Ingest, Outcome } from '#server/fleet/ingest/ingest.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { NotFoundError, UnauthenticatedError } from '#shared/errors.ts'
import type { GatewayMetrics, StoreOutcome } from './metrics.ts'
import type { TrackerDecoder, TrackerProtocol } from './protocol.ts'

/** Between two attempts to store what is held on to. */
const firstPauseMs = 500
const longestPauseMs = 10_000

export interface StoreOptions {
  ingest: Pick<Ingest, 'acceptAll'>
  metrics: Pick<GatewayMetrics, 'records'>
  /** Of something else than that the database is away. */
  onError(error: unknown): void
  holdMs: number
  /** Aborted when the instance ends: then nothing is held on to any more. */
  signal: AbortSignal
}

/**
 * Stores what a tracker said, and resolves after the commit. What its protocol would not send again is tried
 * for `holdMs`; the ingest itself waits out a failover. Never rejects.
 */
export async function storeRecords(
  { name, sendsAgain }: Pick<TrackerDecoder, 'name' | 'sendsAgain'>,
  messages: DeviceMessage[],
  { ingest, metrics, onError, holdMs, signal }: StoreOptions,
): Promise<StoreOutcome> {
  const until = performance.now() + holdMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      count(name, await ingest.acceptAll(messages, null), metrics)
      return 'stored'
    }
    catch (error) {
      const outcome = outcomeOf(error)
      if (outcome === 'unavailable') onError(error)
      if (outcome !== 'unavailable' || sendsAgain || signal.aborted || performance.now() + pauseMs > until) {
        metrics.records(name, outcome, messages.length)
        return outcome
      }
    }
    await pause(pauseMs, signal)
  }
}

/** The same for a login, which is tried once: it is no loss. */
export async function storeLogin(
  name: TrackerProtocol, identifier: string, options: StoreOptions,
): Promise<StoreOutcome> {
  try {
    await options.ingest.acceptAll([loginMessage(name, identifier)], null)
    return 'stored'
  }
  catch (error) {
    const outcome = outcomeOf(error)
    if (outcome === 'unavailable') options.onError(error)
    return outcome
  }
}

function loginMessage(protocol: TrackerProtocol, identifier: string): DeviceMessage {
  return {
    identifiers: [identifier], place: null, withoutPlace: true, fixTime: new Date(), speed: null,
    courseDegrees: null, altitudeMetres: null, accuracyMetres: null, attributes: {}, protocol,
    raw: { protocol, login: identifier },
  }
}

function outcomeOf(error: unknown): Exclude<StoreOutcome, 'stored'> {
  if (error instanceof NotFoundError) return 'unknown'
  return error instanceof UnauthenticatedError ? 'token' : 'unavailable'
}

function count(name: TrackerProtocol, outcomes: Outcome[], metrics: StoreOptions['metrics']) {
  for (const [outcome, all] of Map.groupBy(outcomes, one => one)) metrics.records(name, outcome, all.length)
}

/** Over at once when the instance ends. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
