import type { Logger } from 'pino'
import { every } from '#server/telemetry/timers.ts'
import { eventsOf, type Ingest } from '../ingest/ingest.ts'
import { makeRoute } from './routes.ts'

/** Twice a second would be no smoother: the map moves the markers between two positions. */
const everyMs = 1_000

/**
 * Lets the demo vehicles drive, by the very way that real devices take: their messages are parsed, checked,
 * committed and published.
 */
export function startDemoDrive({
  ingest,
  identifiers,
  log,
}: {
  ingest: Ingest
  identifiers: string[]
  log: Logger
}): { stop(): Promise<void> } {
  const drivers = identifiers.map(identifier => ({
    identifier,
    route: makeRoute(Number(identifier.split('-')[1]) - 1),
  }))
  let sending = Promise.resolve()
  const stop = every(everyMs, () => {
    const now = Date.now()
    sending = Promise.allSettled(
      drivers.map(async ({ identifier, route }) => {
        const { speedKmh, courseDegrees, ignition, ...place } = route.at(now / 1000)
        await ingest.accept(
          {
            identifiers: [identifier],
            place,
            fixTime: new Date(now),
            speed: { value: speedKmh, unit: 'kmh' },
            courseDegrees,
            altitudeMetres: 40,
            accuracyMetres: 5,
            attributes: { ignition },
            events: eventsOf({ ignition }),
            raw: {},
          },
          null,
        )
      }),
    ).then((results) => {
      const failed = results.filter(result => result.status === 'rejected')
      if (failed.length)
        log.debug({ err: failed[0]!.reason, failed: failed.length }, 'Demo positions were not accepted')
    })
  })
  return {
    async stop() {
      stop()
      await sending
    },
  }
}
