import { z } from 'zod'
import { anyNumber, anyText, moment } from './schemas/answers.ts'
import { modes } from './live.ts'

/**
 * What is known of one part of the system. Nothing is made up: what cannot be known at this moment is
 * `unknown` with the reason and since when, and `value` is then the last that was known, as of `at`.
 */
function known<Value extends z.ZodType>(value: Value) {
  return z.object({
    state: z.enum(['known', 'unknown', 'not-configured']),
    source: anyText().describe('Who was asked, in words.'),
    value: value.nullable(),
    at: moment().nullable().describe('When `value` was found; null: never yet.'),
    since: moment().nullable().describe('Since when it cannot be known; null: it can.'),
    reason: anyText().nullable().describe('Why it cannot be known, in words.'),
  })
}
export type Known<T> = Omit<z.infer<ReturnType<typeof known>>, 'value'> & { value: T | null }

export const InstanceView = z.object({
  name: anyText(),
  version: anyText(),
  phase: z.enum(['starting', 'running', 'draining']),
  mode: anyText(),
  status: anyText(),
  reason: anyText().nullable(),
  eventLoopUtilisation: anyNumber()
    .describe('Share of the time in which the event loop was busy, 0 to 1.'),
  rssBytes: anyNumber(),
  requestsInFlight: anyNumber(),
  streams: anyNumber(),
  startedAt: moment(),
  ageMs: anyNumber().describe('Milliseconds since it last said so.'),
  silent: z.boolean().describe('It has missed its announcements, and has not said that it was ending.'),
})
export type InstanceView = z.infer<typeof InstanceView>

export const RouterServer = z.object({
  reachable: z.boolean(),
  role: z.enum(['primary', 'replica']).nullable(),
  latencyMs: anyNumber().nullable(),
  lagSeconds: anyNumber().nullable(),
  timeline: anyNumber().nullable(),
  error: anyText().nullable(),
}).describe('A server as the read/write router of one instance sees it, through the pools.')
export type RouterServer = z.infer<typeof RouterServer>

export const RouterView = z.object({
  primary: RouterServer,
  replica: RouterServer.nullable().describe('Null: there is no replica pool.'),
  attached: z.array(z.object({ name: anyText(), synchronous: z.boolean(), lagBytes: anyNumber().nullable() }))
    .nullable().describe('Attached to the primary, as it says; null: it cannot be asked.'),
  timeline: anyNumber().describe('The newest that was seen.'),
})
export type RouterView = z.infer<typeof RouterView>

export const PatroniMember = z.object({
  name: anyText(),
  role: z.enum(['leader', 'standby leader', 'sync standby', 'replica', 'unknown']),
  state: anyText().nullable()
    .describe('PostgreSQL\'s state in Patroni\'s words: running, streaming, stopped, …; null: not known.'),
  timeline: anyNumber().nullable(),
  lagBytes: anyNumber().nullable(),
})
export type PatroniMember = z.infer<typeof PatroniMember>

export const PatroniView = z.object({
  paused: z.boolean(),
  members: z.array(PatroniMember),
  etcdSeenAt: moment().nullable()
    .describe('When Patroni last heard from etcd, by the member that heard last; null: not known.'),
})
export type PatroniView = z.infer<typeof PatroniView>

export const BalancerView = z.object({
  name: anyText(),
  reason: anyText().nullable().describe('Null: it answers.'),
  servers: z.array(z.object({
    proxy: anyText(),
    server: anyText(),
    status: anyText(),
    sessions: anyNumber().nullable(),
  })),
})
export type BalancerView = z.infer<typeof BalancerView>

export const PoolerView = z.object({
  name: anyText(),
  reason: anyText().nullable().describe('Null: it answers.'),
  pools: z.array(z.object({
    database: anyText(),
    user: anyText(),
    clientsActive: anyNumber(),
    clientsWaiting: anyNumber(),
    serversActive: anyNumber(),
    serversIdle: anyNumber(),
    maxWaitSeconds: anyNumber().describe('The longest that a client waits at this moment.'),
    mode: anyText(),
  })),
})
export type PoolerView = z.infer<typeof PoolerView>

export const SentinelSight = z.object({
  name: anyText(),
  reachable: z.boolean(),
  master: anyText().nullable().describe('The master that it names.'),
  quorum: z.boolean().nullable()
    .describe('Whether it says that a failover could be agreed on; null: it was not asked.'),
  replicas: anyNumber(),
})
export type SentinelSight = z.infer<typeof SentinelSight>

export const RedisView = z.object({
  kind: z.enum(['redis', 'memory'])
    .describe('`memory`: the stand-in inside of the process, for one instance.'),
  master: anyText().describe('Its address, as it is announced.'),
  replicas: z.array(z.object({ name: anyText(), lagBytes: anyNumber() }))
    .describe('Those that are connected to the master, as it says.'),
})
export type RedisView = z.infer<typeof RedisView>

export const SentinelsView = z.object({
  each: z.array(SentinelSight),
  master: anyText().nullable().describe('That most of them name; null: they do not agree.'),
  quorum: z.boolean().describe('Whether a failover could be agreed on and carried out.'),
  replicas: anyNumber().describe('Replicas that the Sentinel with the most of them knows of.'),
  trouble: anyText().nullable().describe('What is wrong, in words; null: nothing.'),
})
export type SentinelsView = z.infer<typeof SentinelsView>

export const ProxyView = z.object({ name: anyText(), up: z.boolean(), connections: anyNumber().nullable() })
export type ProxyView = z.infer<typeof ProxyView>

export const EtcdView = z.object({
  name: anyText(),
  up: z.boolean(),
  leader: z.boolean(),
  hasLeader: z.boolean(),
})
export type EtcdView = z.infer<typeof EtcdView>

/** Part of `GET /api/v1/operations`, and the event `operations` of the stream. */
export const OperationsView = z.object({
  at: moment(),
  instance: anyText().describe('Whose view this is: what an instance can reach is its own.'),
  version: anyText(),
  mode: z.enum(modes),
  reason: anyText().nullable(),
  instances: known(z.array(InstanceView)),
  router: known(RouterView),
  patroni: known(PatroniView),
  balancers: known(z.array(BalancerView)),
  poolers: known(z.array(PoolerView)),
  redis: known(RedisView),
  sentinels: known(SentinelsView),
  proxies: known(z.array(ProxyView)),
  etcd: known(z.array(EtcdView)),
})
export type OperationsView = z.infer<typeof OperationsView>

export const timelineEventKinds = [
  'failover', 'redis-failover', 'mode', 'drain', 'start', 'silent', 'version',
] as const

/** Something that an instance has seen happen. */
export const TimelineEvent = z.object({
  key: anyText().describe('The same for all who see the same: it is kept once.'),
  at: moment().describe('By the clock of who noticed it.'),
  kind: z.enum(timelineEventKinds),
  subject: anyText().describe('Of what: an instance, PostgreSQL, Redis.'),
  text: anyText(),
  noticedBy: anyText(),
})
export type TimelineEvent = z.infer<typeof TimelineEvent>

/** The newest first. */
export const Timeline = known(z.array(TimelineEvent))
export type Timeline = z.infer<typeof Timeline>

/** `GET /api/v1/operations`. */
export const Operations = z.object({ view: OperationsView, timeline: Timeline })

/**
 * What the stream `/api/events/operations` says besides the live stream's `status`, `heartbeat`, `moved` and
 * `ended`.
 */
export interface OperationsEvents {
  operations: OperationsView
  timeline: Timeline
}

export const Chart = z.object({
  name: z.enum(['requests', 'errors', 'p95', 'lag']),
  title: anyText(),
  unit: z.enum(['per second', 'percent', 'seconds']),
  points: z.array(z.object({ at: anyNumber(), value: anyNumber().nullable() }))
    .describe('Seconds since 1970, and null where nothing was measured.'),
})
export type Chart = z.infer<typeof Chart>

/** `GET /api/v1/operations/charts`. */
export const OperationsCharts = z.object({ hours: anyNumber(), charts: known(z.array(Chart)) })
export type OperationsCharts = z.infer<typeof OperationsCharts>
