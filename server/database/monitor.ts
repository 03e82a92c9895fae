import pg from 'pg'
import type { Logger } from 'pino'
import type { WalPosition, Token } from './consistency.ts'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import type { Addresses } from './addresses.ts'
import { createFreshness } from './freshness.ts'
import {
  createProber, neverSeen, unreachable, type AttachedReplica, type ProbeResult, type ServerState,
} from './probe.ts'

export interface DatabaseState {
  primary: ServerState
  /** Null: there is no separate replica pool. */
  replica: ServerState | null
  /** Replicas that are attached to the primary, as it sees them; null: not known. */
  attached: AttachedReplica[] | null
  /** The newest timeline that a primary has been seen on; 0: none yet. */
  timeline: number
  /** How far the primary had written its WAL at the last probe; null: not known. */
  writtenLsn: number | null
}

export interface Monitor {
  state(): DatabaseState
  /** PostgreSQL's system identifier, once a server has been seen. */
  cluster(): string | null
  /** A server that answered before any probe had succeeded has told its cluster. */
  metCluster(cluster: string): void
  /** Whether the last probe found a primary that accepts writes. */
  hasPrimary(): boolean
  /** See `Freshness.ageSeconds`. */
  ageSeconds(position: WalPosition): number | null
  /**
   * Whether every replica that may answer has replayed all that `token` has seen, so that the token can be
   * dropped.
   */
  isOnAllReplicas(token: Token): boolean
  /**
   * Whether a replica at `position` has what the tokens had that were dropped because every replica had
   * replayed them.
   */
  coversDroppedTokens(position: WalPosition): boolean
  /**
   * Whether this cluster, for all that can be known, has never had that timeline: the token that names it is
   * from before a backup was restored. Known ten seconds after it was first asked.
   */
  neverExisted(timeline: number): boolean
  /** Something failed: probe again soon. Costs nothing while a probe is running. */
  refreshSoon(): void
  /** Another server answered on a newer timeline, or reported that it is no longer the primary. */
  observeWalPosition(position: WalPosition): void
  /** Resolves after the first probe, or after `limitMs`. */
  ready(limitMs: number): Promise<void>
  /** Resolves at the next probe that finds a primary, or after `limitMs`. */
  waitForPrimary(limitMs: number): Promise<void>
  /** Probes now, and resolves to the result. */
  probe(): Promise<DatabaseState>
  /** Called after each probe. */
  onProbe(listener: (state: DatabaseState) => void): void
  close(): void
}

export interface MonitorOptions {
  primaryUrl: string
  replicaUrl: string | null
  log: Logger
  /** Where the names lead, shared with the pools: what one has found silent, the other does not try. */
  addresses: { primary: Addresses, replica: Addresses }
  /** The primary is another one, or on another timeline. */
  onNewEpoch(timeline: number, isFailover: boolean): void
}

/**
 * While all is well a change is noticed within about a second, even without any traffic. While something is
 * wrong: four probes a second.
 */
const pollMs = 1_000
const degradedPollMs = 250

/** A probe that takes longer has its answer: the server is not responding. */
const probeTimeoutMs = 1_000

/**
 * A token is dropped once every replica has replayed it for this long. The other instances probe once a
 * second too: by then each of them knows it as well, and lets no replica answer that has not.
 */
const replayedForMs = 10_000

/**
 * A timeline that only a token names has begun a moment ago and is still to be met, or there is none. For so
 * long after it was first asked for, at each look, there must have been a primary whose commits standbys
 * confirm: one that another has succeeded loses its standbys within `wal_sender_timeout` (3 s).
 */
const neverExistedMs = 10_000

/** Timelines that tokens have named and no server has shown. Tokens are signed, so these are few. */
const maxUnseenTimelines = 20

/**
 * Watches the servers over connections of its own: who is primary, on which timeline, how far the replicas
 * are.
 */
export function createMonitor({
  primaryUrl,
  replicaUrl,
  log,
  addresses,
  onNewEpoch,
}: MonitorOptions): Monitor {
  const primary = createProber(primaryUrl, probeTimeoutMs, addresses.primary, () => refreshSoon())
  const replica
    = replicaUrl === null
      ? null
      : createProber(replicaUrl, probeTimeoutMs, addresses.replica, () => refreshSoon())
  const freshness = createFreshness()
  const listeners = new Set<(state: DatabaseState) => void>()
  let state: DatabaseState = {
    primary: neverSeen,
    replica: replica && neverSeen,
    attached: null,
    timeline: 0,
    writtenLsn: null,
  }
  let cluster: string | null = null
  let probing: Promise<DatabaseState> | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let probes = 0
  let registering = false
  /** Since when every probe has found a primary whose commits standbys confirm; null: there is none now. */
  let healthySince: number | null = null
  let probedAt = 0
  /** Timelines that only tokens have named, and when they first did. */
  const unseenTimelines = new Map<number, number>()
  /** What every attached replica had replayed, and when that was found. */
  const replayMarks: { at: number, timeline: number, lsn: number }[] = []

  const isPrimaryHealthy = () =>
    state.primary.reachable
    && state.primary.role === 'primary'
    && state.primary.timeline === (state.timeline || state.primary.timeline)
  const isReplicaHealthy = () =>
    state.replica === null || (state.replica.reachable && (state.replica.lagSeconds ?? 0) < 5)

  async function turn(): Promise<DatabaseState> {
    const [first, second] = await Promise.allSettled([
      primary.probe(),
      replica ? replica.probe() : Promise.resolve(null),
    ])
    if (closed) return state
    const result = first.status === 'fulfilled' ? first.value : null
    const timelineBefore = state.timeline
    if (result) {
      cluster = result.cluster
      if (result.position?.role === 'primary') recordPrimary(result, result.position)
    }
    const behind = second.status === 'fulfilled' ? second.value : null
    if (behind) cluster ??= behind.cluster
    // A replica's word, too: it follows that timeline, so it has begun, also where the primary's address
    // still leads to the former one.
    const timeline = Math.max(
      state.timeline,
      result?.role === 'primary' ? (result.position?.timeline ?? 0) : 0,
      behind?.position?.timeline ?? 0,
    )
    state = {
      primary: result ? stateOf(result) : unreachable((first as PromiseRejectedResult).reason),
      replica:
        replica === null
          ? null
          : behind
            ? stateOf(behind, result?.role === 'primary')
            : unreachable((second as PromiseRejectedResult).reason),
      attached: result?.attached ?? null,
      timeline,
      writtenLsn: result?.position?.role === 'primary' ? result.position.lsn : null,
    }
    if (timeline > timelineBefore) onNewEpoch(timeline, timelineBefore > 0)
    probes++
    probedAt = performance.now()
    healthySince = isPrimaryHealthy() && result?.confirms ? (healthySince ?? probedAt) : null
    // A copy: whoever has waited for this probe removes its listener at once.
    for (const listener of [...listeners]) listener(state)
    return state
  }

  function recordPrimary(result: ProbeResult, position: WalPosition) {
    if (position.timeline < state.timeline) return
    if (result.flushedLsn !== null) freshness.recordPrimary({ ...position, lsn: result.flushedLsn })
    if (result.registeredTimeline < position.timeline) void register(result.cluster, position)
    if (!result.attached?.length) return
    replayMarks.push({
      at: performance.now(),
      timeline: position.timeline,
      lsn: Math.min(...result.attached.map(({ replayLsn }) => replayLsn)),
    })
    // One older than the pause is enough to judge by.
    while (replayMarks.length > 1 && performance.now() - replayMarks[1]!.at >= replayedForMs)
      replayMarks.shift()
  }

  function stateOf(result: ProbeResult, primaryReachable = true): ServerState {
    const { role, position, latencyMs, sinceReplayedSeconds } = result
    const age = position && role === 'replica' ? freshness.ageSeconds(position, { primaryReachable }) : null
    const lag = role === 'primary' ? null : age === null || age === Infinity ? sinceReplayedSeconds : age
    return {
      reachable: true,
      role,
      latencyMs,
      lagSeconds: lag === null ? null : Math.max(0, Math.round(lag * 10) / 10),
      error: null,
      timeline: position?.timeline ?? null,
    }
  }

  /**
   * Its own connection and no part of the probe: the commit may wait for a standby that is being replaced.
   * Tried again at the next probe.
   */
  async function register(system: string, { timeline, lsn }: WalPosition) {
    if (registering) return
    registering = true
    const client = new pg.Client({
      connectionString: primaryUrl,
      stream: addresses.primary.openSocket,
      connectionTimeoutMillis: probeTimeoutMs,
      query_timeout: 5_000,
      application_name: 'fleet2-monitor',
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query(
        'INSERT INTO timelines (system_identifier, number, seen_at_lsn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [system, timeline, `${Math.floor(lsn / 2 ** 32).toString(16)}/${(lsn % 2 ** 32).toString(16)}`],
      )
    }
    catch (error) {
      log.debug({ err: error }, 'The primary\'s timeline could not be recorded; trying again')
    }
    finally {
      registering = false
      client.end().catch(() => {})
    }
  }

  function probe(): Promise<DatabaseState> {
    clearTimeout(timer)
    // Outside of the request whose failure triggered it: later probes, and their log lines, do not belong to
    // that request.
    probing ??= runOutsideContext(turn).finally(() => {
      probing = null
      if (closed) return
      const pause = isPrimaryHealthy() && isReplicaHealthy() ? pollMs : degradedPollMs
      timer = setTimeout(() => void probe(), pause * (0.85 + Math.random() * 0.3))
      timer.unref()
    })
    return probing
  }

  function refreshSoon() {
    if (closed || probing) return
    clearTimeout(timer)
    // Not at once: failures at the same moment are one reason to probe, and what just broke needs a moment to
    // change.
    timer = setTimeout(() => void probe(), 20 + Math.random() * 30)
    timer.unref()
  }

  function nextProbe(limitMs: number, condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        callOff()
        listeners.delete(listener)
        resolve()
      }
      const listener = () => void (condition() && done())
      const callOff = setActiveTimeout(limitMs, done)
      listeners.add(listener)
    })
  }

  const monitor: Monitor = {
    state: () => state,
    cluster: () => cluster,
    metCluster(met) {
      cluster ??= met
    },
    hasPrimary: isPrimaryHealthy,
    ageSeconds: position => freshness.ageSeconds(position, { primaryReachable: isPrimaryHealthy() }),
    isOnAllReplicas(token) {
      const mark = replayMarks[0]
      if (!mark || performance.now() - mark.at < replayedForMs) return false
      return (
        token.cluster === cluster
        && (mark.timeline > token.timeline
          || (mark.timeline === token.timeline && mark.lsn >= token.lsn && mark.lsn >= token.confirm))
      )
    },
    coversDroppedTokens(position) {
      const mark = replayMarks.at(-1)
      return (
        !mark
        || position.timeline > mark.timeline
        || (position.timeline === mark.timeline && position.lsn >= mark.lsn)
      )
    },
    neverExisted(timeline) {
      if (timeline <= state.timeline || state.timeline === 0) return false
      const now = performance.now()
      if (!unseenTimelines.has(timeline)) {
        if (unseenTimelines.size >= maxUnseenTimelines)
          unseenTimelines.delete(unseenTimelines.keys().next().value!)
        unseenTimelines.set(timeline, now)
      }
      return (
        healthySince !== null
        && now - probedAt < 3 * pollMs
        && now - Math.max(healthySince, unseenTimelines.get(timeline)!) >= neverExistedMs
      )
    },
    refreshSoon,
    observeWalPosition(position) {
      if (position.timeline <= state.timeline || position.role !== 'primary') return refreshSoon()
      const isFailover = state.timeline > 0
      state = { ...state, timeline: position.timeline }
      onNewEpoch(position.timeline, isFailover)
      refreshSoon()
    },
    ready: limitMs => nextProbe(limitMs, () => probes > 0),
    // Not the last probe's result: the caller has just seen it proved wrong.
    waitForPrimary(limitMs) {
      const before = probes
      refreshSoon()
      return nextProbe(limitMs, () => probes > before && isPrimaryHealthy())
    },
    probe,
    onProbe: listener => void listeners.add(listener),
    close() {
      closed = true
      clearTimeout(timer)
      primary.close()
      replica?.close()
    },
  }
  void probe()
  return monitor
}
