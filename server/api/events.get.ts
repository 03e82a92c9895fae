import { openEventStream, openStreamCount } from '#server/edge/event-stream.ts'
import { requireMember } from '#server/edge/principal.ts'
import { readSessionCookie } from '#server/edge/session-cookie.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import { services } from '#server/lifecycle/services.ts'
import { findMembership } from '#server/identity/members.ts'
import { ConflictError, UnavailableError } from '#shared/errors.ts'

/** A session that was revoked, or a member that was removed, keeps its stream at most this long. */
const recheckMs = 30_000

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'vehicles:read').catch((error: unknown) => {
    if (!(error instanceof ConflictError && error.type === 'organisation-changed')) throw error
    // A browser's EventSource is shown no status: it is told, and asks no more.
    const stream = openEventStream(event, () => ({ at: new Date().toISOString(), live: liveStatus().live }))
    stream.send('organisation-changed', {})
    stream.close()
    return null
  })
  if (!member) return
  const { config, events, sessions, database, cache } = services()
  if (openStreamCount() >= config.maxEventStreams) throw new UnavailableError('This instance holds as many live streams as it can.', { retryAfterSeconds: 3 })
  const asked = getQuery(event).lastEventId
  const lastEventId = getRequestHeader(event, 'last-event-id') ?? (typeof asked === 'string' ? asked : null)
  const secret = readSessionCookie(event, config)!

  const stream = openEventStream(event, () => ({ at: new Date().toISOString(), live: liveStatus().live }))
  stream.send('status', liveStatus())
  const unsubscribe = await events.subscribe(member.organisationId, lastEventId, {
    onEvents: stream.sendBatch,
    onResync: reason => stream.send('resync', { reason }),
  })
  const recheck = setInterval(async () => {
    // What cannot be asked at this moment is asked again later: a failover must not cut every stream.
    const still = await sessions.find(secret)
      .then(async record => record && (await findMembership({ database, cache }, record.organisationId, record.userId, record))?.organisationId === member.organisationId)
      .catch(() => true)
    if (!still) {
      stream.send('organisation-changed', {})
      stream.close()
    }
  }, recheckMs)
  stream.onClose(() => {
    clearInterval(recheck)
    unsubscribe()
  })
})
