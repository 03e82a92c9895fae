import type { Outcome } from '#server/fleet/ingest/ingest.ts'
import type { DecodeFault, TrackerProtocol } from './protocol.ts'

/** Why a connection ended; labels of a metric. */
export const endings = [
  'tracker', 'login', 'idle', 'slow', 'unreadable', 'unknown', 'token', 'unavailable', 'draining', 'failed',
] as const
export type Ending = (typeof endings)[number]

/** Why a connection or a datagram was not taken at all; labels of a metric. */
export const refusals = ['full', 'address', 'datagrams'] as const
export type Refusal = (typeof refusals)[number]

/**
 * What became of what a tracker said. `stored`: committed, as a position, an event or in quarantine.
 * `unknown` and `token`: it may not speak. `unavailable`: it could not be committed.
 */
export type StoreOutcome = 'stored' | 'unknown' | 'token' | 'unavailable'

export const recordOutcomes = [
  'stored', 'duplicate', 'quarantined', 'seen', 'unknown', 'token', 'unavailable',
] as const satisfies (Outcome | StoreOutcome)[]

export interface GatewayMetrics {
  records(protocol: TrackerProtocol, outcome: Outcome | StoreOutcome, count: number): void
  fault(protocol: TrackerProtocol, fault: DecodeFault): void
  ended(protocol: TrackerProtocol, ending: Ending): void
  refused(protocol: TrackerProtocol, refusal: Refusal): void
}
