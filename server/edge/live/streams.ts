import { services } from '#server/lifecycle/services.ts'
import { streamsRefused } from '#server/telemetry/stream-metrics.ts'
import { UnavailableError } from '#shared/errors.ts'
import { openStreamCount } from './event-stream.ts'
import { createStreamWatch, type StreamWatch } from './stream-watch.ts'

let watch: StreamWatch | null = null

/**
 * The watch over all of this instance's streams, of whichever kind: a session's bound counts both.
 * @throws {UnavailableError} when the instance holds as many streams as it can; {TooManyRequestsError} when
 * the session does.
 */
export function watchWithRoom(sessionId: string): StreamWatch {
  const open = services()
  watch ??= createStreamWatch(open)
  if (openStreamCount() >= open.config.maxEventStreams) {
    streamsRefused.inc({ reason: 'instance-limit' })
    throw new UnavailableError('This instance has reached its limit of live streams.', {
      retryAfterSeconds: 3,
    })
  }
  watch.refuseTooMany(sessionId)
  return watch
}
