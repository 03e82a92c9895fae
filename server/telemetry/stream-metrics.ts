import { Counter } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

/** Why the server ended a live stream, as the label `reason`. */
export type StreamEnd
  = | 'session-ended'
    | 'organisation-switched'
    | 'member-removed'
    | 'role-changed'
    | 'instance-ending'
    | 'not-reading'

export const streamsEnded = new Counter({
  name: 'fleet2_event_streams_ended_total',
  help: 'Live streams that the server ended; reason: session-ended, organisation-switched, '
    + 'member-removed, role-changed, instance-ending, not-reading',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const streamsRefused = new Counter({
  name: 'fleet2_event_streams_refused_total',
  help: 'Live streams that were refused; reason: session-limit (this session holds as many as it may), '
    + 'instance-limit (the instance does)',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const streamRechecks = new Counter({
  name: 'fleet2_event_stream_rechecks_total',
  help: 'Looks at whether a live stream may go on; outcome: kept, ended, unknown (nobody could be '
    + 'asked)',
  labelNames: ['outcome'] as const,
  registers: [registry],
})

fromZero(streamsRefused, ['session-limit', 'instance-limit'])
