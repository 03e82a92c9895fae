import type { Database } from '#server/database/port.ts'
import { findMembership } from '#server/identity/members.ts'
import type { SessionChange } from '#server/identity/session-changes.ts'
import type { SessionRecord } from '#server/identity/session-record.ts'
import { startedBefore, type Sessions } from '#server/identity/sessions.ts'
import type { Cache } from '#server/redis/cache.ts'
import type { Events } from '#server/live/events.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import {
  streamRechecks,
  streamsEnded,
  streamsRefused,
  type StreamEnd,
} from '#server/telemetry/stream-metrics.ts'
import { every } from '#server/telemetry/timers.ts'
import { TooManyRequestsError, UnavailableError } from '#shared/errors.ts'
import { may, type Role } from '#shared/roles.ts'
import type { LiveEvents } from '#shared/live.ts'
import type { EventStream } from './event-stream.ts'

/** For whom a stream is held: the session, and what it may see. */
export interface StreamHolder {
  secret: string
  session: SessionRecord
  /** Null: an operator's stream, which is of no organisation. It ends with the session. */
  organisationId: string | null
  membershipId: string | null
  /** The member's, as it was asked for last: it decides what the stream says. Null: an operator's stream. */
  role: Role | null
}

export interface StreamWatch {
  /** @throws {TooManyRequestsError} when the session holds as many streams as it may. */
  refuseTooMany(sessionId: string): void
  /**
   * From now on the stream ends when its session, its membership or its right does. Gives back the holder,
   * whose `role` is kept up to date.
   */
  hold(stream: EventStream, holder: StreamHolder): Readonly<StreamHolder>
}

/**
 * Streams of one session on one instance. The tabs of a browser share one; a browser that cannot share has
 * one a tab, and twenty tabs of one fleet are more than anybody looks at. Without a bound one viewer could
 * hold all that an instance has room for.
 */
export const maxStreamsPerSession = 20

/**
 * Each stream is asked for this often, whatever has been told: an instance may die between a commit and the
 * telling of it, and Redis may be away.
 */
const recheckEveryMs = 30_000

/**
 * One look, its waits for the database included: long enough for a failover's first seconds, and over before
 * the next.
 */
const recheckSeconds = 10

/** Looks at once, after a gap: all of an instance's streams at the same moment would be a wave. */
const maxConcurrentRechecks = 8

/** The right that a live stream takes. */
export const streamPermission = 'vehicles:read'

type Held = StreamHolder & { end(reason: StreamEnd): void }

/**
 * Ends live streams whose reason has gone: at once when it is told (by the session's changes, by the
 * organisation's events), and by asking from time to time. What cannot be asked at this moment is asked again
 * later: a failover must not cut every stream.
 */
export function createStreamWatch({ sessions, database, cache, events, log, everyMs = recheckEveryMs }: {
  sessions: Sessions
  database: Database
  cache: Cache
  events: Events
  log: Logger
  everyMs?: number
}): StreamWatch {
  const held = new Set<Held>()
  const waiting: (() => void)[] = []
  let looks = 0

  sessions.onChange((change) => {
    for (const one of [...held]) {
      if (change === null) void recheck(one)
      else if (ends(change, one)) one.end(change.kind === 'ended' ? 'session-ended' : 'organisation-switched')
    }
  })
  events.onEvent((organisationId, event) => {
    const change = event?.name === 'changed' ? JSON.parse(event.json) as LiveEvents['changed'] : null
    if (event && change?.type !== 'member') return
    for (const one of [...held]) {
      if (one.organisationId !== organisationId) continue
      if (!change) void recheck(one)
      else if (change.id !== one.membershipId) continue
      else if (change.change === 'removed') one.end('member-removed')
      else void recheck(one, change.consistencyToken)
    }
  })

  /** In a context of its own, which has time: that of the request which opened the stream ended long ago. */
  async function recheck(one: Held, consistencyToken: string | null = null) {
    if (looks >= maxConcurrentRechecks) await new Promise<void>(resolve => waiting.push(resolve))
    looks++
    try {
      const context = { ...backgroundContext('live stream', recheckSeconds), consistencyToken }
      const reason = held.has(one) ? await runInContext(context, () => reasonToEnd(one)) : null
      streamRechecks.inc({ outcome: reason ? 'ended' : context.staleSeconds === null ? 'kept' : 'unknown' })
      if (reason) one.end(reason)
    }
    catch (error) {
      streamRechecks.inc({ outcome: 'unknown' })
      if (!(error instanceof UnavailableError))
        log.warn({ err: error }, 'A live stream could not be rechecked; trying again')
    }
    finally {
      looks--
      waiting.shift()?.()
    }
  }

  async function reasonToEnd(one: Held): Promise<StreamEnd | null> {
    const { secret, session, organisationId } = one
    // With Redis away the database knows all but a change of the organisation.
    const record = await sessions.find(secret).catch((error: unknown) => {
      if (error instanceof UnavailableError) return session
      throw error
    })
    if (!record) return 'session-ended'
    const membership = await findMembership({ database, cache }, record.organisationId, record.userId, record)
    if (!membership) return 'session-ended'
    // Who is an operator stands in the configuration, which does not change while the process runs.
    if (organisationId === null) return null
    if (membership.organisationId !== organisationId)
      return record.organisationId === organisationId ? 'member-removed' : 'organisation-switched'
    one.role = membership.role
    return membership.role && may(membership.role, streamPermission) ? null : 'role-changed'
  }

  return {
    refuseTooMany(sessionId) {
      let count = 0
      for (const { session } of held) if (session.id === sessionId) count++
      if (count < maxStreamsPerSession) return
      streamsRefused.inc({ reason: 'session-limit' })
      throw new TooManyRequestsError(
        `This session has ${count} live streams on this instance, which is the limit. Close one. Tabs of the same browser share one.`,
        everyMs / 1000,
      )
    },
    hold(stream, holder) {
      const one: Held = {
        ...holder,
        end(reason) {
          if (!held.has(one)) return
          streamsEnded.inc({ reason })
          stream.send('ended', { reason })
          stream.close()
        },
      }
      held.add(one)
      // At moments of its own: streams that were opened together are not looked at together.
      const stop = every(everyMs * (0.8 + Math.random() * 0.4), () => void recheck(one))
      stream.onClose(() => {
        stop()
        held.delete(one)
      })
      return one
    },
  }
}

function ends(change: SessionChange, { session, organisationId }: StreamHolder): boolean {
  if (change.userId !== session.userId) return false
  if (change.kind === 'switched')
    return (
      organisationId !== null && change.sessionId === session.id && change.organisationId !== organisationId
    )
  return change.sessionId === null
    ? change.keptSessionId !== session.id && startedBefore(session, change.revokedAt)
    : change.sessionId === session.id
}
