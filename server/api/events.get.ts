import { openEventStream } from '#server/edge/live/event-stream.ts'
import { requireMember } from '#server/edge/principal.ts'
import { readSessionCookie } from '#server/edge/session-cookie.ts'
import { visibleTo } from '#server/edge/live/stream-view.ts'
import { streamPermission } from '#server/edge/live/stream-watch.ts'
import { watchWithRoom } from '#server/edge/live/streams.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import { services } from '#server/lifecycle/services.ts'
import { ConflictError } from '#shared/errors.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, streamPermission).catch((error: unknown) => {
    if (!(error instanceof ConflictError && error.type === 'organisation-changed')) throw error
    // A browser's EventSource is shown no status: it is told, and asks no more.
    const stream = openEventStream(event, () => ({ at: new Date().toISOString(), live: liveStatus().live }))
    stream.send('ended', { reason: 'organisation-switched' })
    stream.close()
    return null
  })
  if (!member) return
  const { session, organisationId, membershipId, role } = member
  const { config, events } = services()
  const watch = watchWithRoom(session.id)
  const asked = getQuery(event).lastEventId
  const lastEventId = getRequestHeader(event, 'last-event-id') ?? (typeof asked === 'string' ? asked : null)

  const stream = openEventStream(event, () => ({ at: new Date().toISOString(), live: liveStatus().live }))
  const secret = readSessionCookie(event, config)!
  const holder = watch.hold(stream, { secret, session, organisationId, membershipId, role })
  stream.send('status', liveStatus())
  const unsubscribe = await events.subscribe(organisationId, lastEventId, {
    onEvents(batch) {
      const told = visibleTo(holder.role!, batch)
      if (told.length) stream.sendBatch(told)
    },
    onResync: reason => stream.send('resync', { reason }),
  })
  stream.onClose(unsubscribe)
})
