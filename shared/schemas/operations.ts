import type { Mode } from './live.ts'

/**
 * What is known of one part of the system. Nothing is made up: what cannot be known at this moment is
 * `unknown` with the reason and since when, and `value` is then the last that was known, as of `at`.
 */
export interface Known<T> {
  state: 'known' | 'unknown' | 'not-configured'
  /** Who was asked, in words. */
  source: string
  value: T | null
  /** When `value` was found; null: never yet. */
  at: string | null
  /** Since when it cannot be known; null: it can. */
  since: string | null
  /** Why it cannot be known, in words. */
  reason: string | null
}

export interface InstanceView {
  name: string
  version: string
  phase: 'starting' | 'running' | 'draining'
  mode: string
  status: string
  reason: string | null
  /** Share of the time in which the event loop was busy, 0 to 1. */
  eventLoopUtilisation: number
  rssBytes: number
  requestsInFlight: number
  streams: number
  startedAt: string
  /** Milliseconds since it last said so. */
  ageMs: number
  /** It has missed its announcements, and has not said that it was ending. */
  silent: boolean
}

/** A server as the read/write router of one instance sees it, through the pools. */
export interface RouterServer {
  reachable: boolean
  role: 'primary' | 'replica' | null
  latencyMs: number | null
  lagSeconds: number | null
  timeline: number | null
  error: string | null
}

export interface RouterView {
  primary: RouterServer
  /** Null: there is no replica pool. */
  replica: RouterServer | null
  /** Attached to the primary, as it says; null: it cannot be asked. */
  attached: { name: string, synchronous: boolean, lagBytes: number | null }[] | null
  /** The newest that was seen. */
  timeline: number
}

export interface PatroniMember {
  name: string
  role: 'leader' | 'standby leader' | 'sync standby' | 'replica' | 'unknown'
  /** PostgreSQL's state in Patroni's words: running, streaming, stopped, …; null: not known. */
  state: string | null
  timeline: number | null
  lagBytes: number | null
}

export interface PatroniView {
  paused: boolean
  members: PatroniMember[]
  /** When Patroni last heard from etcd, by the member that heard last; null: not known. */
  etcdSeenAt: string | null
}

export interface BalancerView {
  name: string
  /** Null: it answers. */
  reason: string | null
  servers: { proxy: string, server: string, status: string, sessions: number | null }[]
}

export interface PoolerView {
  name: string
  /** Null: it answers. */
  reason: string | null
  pools: {
    database: string
    user: string
    clientsActive: number
    clientsWaiting: number
    serversActive: number
    serversIdle: number
    /** The longest that a client waits at this moment. */
    maxWaitSeconds: number
    mode: string
  }[]
}

export interface SentinelSight {
  name: string
  reachable: boolean
  /** The master that it names. */
  master: string | null
  /** Whether it says that a failover could be agreed on; null: it was not asked. */
  quorum: boolean | null
  replicas: number
}

export interface RedisView {
  /** `memory`: the stand-in inside of the process, for one instance. */
  kind: 'redis' | 'memory'
  /** Its address, as it is announced. */
  master: string
  /** Those that are connected to the master, as it says. */
  replicas: { name: string, lagBytes: number }[]
}

export interface SentinelsView {
  each: SentinelSight[]
  /** That most of them name; null: they do not agree. */
  master: string | null
  /** Whether a failover could be agreed on and carried out. */
  quorum: boolean
  /** Replicas that the Sentinel with the most of them knows of. */
  replicas: number
  /** What is wrong, in words; null: nothing. */
  trouble: string | null
}

export interface ProxyView {
  name: string
  up: boolean
  connections: number | null
}

export interface EtcdView {
  name: string
  up: boolean
  leader: boolean
  hasLeader: boolean
}

/** `GET /api/v1/operations`, and the event `operations` of the stream. */
export interface OperationsView {
  at: string
  /** Whose view this is: what an instance can reach is its own. */
  instance: string
  version: string
  mode: Mode
  reason: string | null
  instances: Known<InstanceView[]>
  router: Known<RouterView>
  patroni: Known<PatroniView>
  balancers: Known<BalancerView[]>
  poolers: Known<PoolerView[]>
  redis: Known<RedisView>
  sentinels: Known<SentinelsView>
  proxies: Known<ProxyView[]>
  etcd: Known<EtcdView[]>
}

export const timelineEventKinds = [
  'failover', 'redis-failover', 'mode', 'drain', 'start', 'silent', 'version',
] as const

/** Something that an instance has seen happen. */
export interface TimelineEvent {
  /** The same for all who see the same: it is kept once. */
  key: string
  /** By the clock of who noticed it. */
  at: string
  kind: (typeof timelineEventKinds)[number]
  /** Of what: an instance, PostgreSQL, Redis. */
  subject: string
  text: string
  noticedBy: string
}

/** The newest first. */
export type Timeline = Known<TimelineEvent[]>

/**
 * What the stream `/api/events/operations` says besides the live stream's `status`, `heartbeat`, `moved` and
 * `ended`.
 */
export interface OperationsEvents {
  operations: OperationsView
  timeline: Timeline
}

export interface Chart {
  name: 'requests' | 'errors' | 'p95' | 'lag'
  title: string
  unit: 'per second' | 'percent' | 'seconds'
  /** Seconds since 1970, and null where nothing was measured. */
  points: { at: number, value: number | null }[]
}

/** `GET /api/v1/operations/charts`. */
export interface OperationsCharts {
  hours: number
  charts: Known<Chart[]>
}
