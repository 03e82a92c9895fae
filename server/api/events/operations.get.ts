import { openEventStream } from '#server/edge/live/event-stream.ts'
import { requireOperator } from '#server/edge/operator.ts'
import { readSessionCookie } from '#server/edge/session-cookie.ts'
import { watchWithRoom } from '#server/edge/live/streams.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const { session, userId } = await requireOperator(event)
  const { config, log, operations } = services()
  const watch = watchWithRoom(session.id)
  log.info({ user_id: userId }, 'An operator is following the operations view')
  const stream = openEventStream(event, () => ({ at: new Date().toISOString(), live: liveStatus().live }))
  const secret = readSessionCookie(event, config)!
  watch.hold(stream, { secret, session, organisationId: null, membershipId: null, role: null })
  stream.send('status', liveStatus())
  const [view, timeline] = await Promise.all([operations.view(), operations.timeline()])
  stream.send('operations', view)
  stream.send('timeline', timeline)
  stream.onClose(operations.watch({
    onView: view => stream.send('operations', view),
    onTimeline: timeline => stream.send('timeline', timeline),
  }))
})
