import { performance, type EventLoopUtilization } from 'node:perf_hooks'
import { requestsInFlight } from './metrics.ts'

let countStreams: () => number = () => 0

/** Tells how the live streams are counted: they are the edge's, which stands above. */
export function countStreamsBy(count: () => number): void {
  countStreams = count
}

export interface Load {
  /** Share of the time since the last look in which the event loop was busy, 0 to 1. */
  eventLoopUtilisation: number
  rssBytes: number
  requestsInFlight: number
  streams: number
}

let last: EventLoopUtilization | undefined

/** How busy this process is. Looked at once a second, by one caller. */
export async function readLoad(): Promise<Load> {
  const now = performance.eventLoopUtilization()
  const { utilization } = last ? performance.eventLoopUtilization(now, last) : now
  last = now
  return {
    eventLoopUtilisation: Math.round(utilization * 1000) / 1000,
    rssBytes: process.memoryUsage.rss(),
    requestsInFlight: (await requestsInFlight.get()).values[0]?.value ?? 0,
    streams: countStreams(),
  }
}
