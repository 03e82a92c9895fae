import pg from 'pg'
import type { Logger } from 'pino'
import type { Position, Token } from './consistency.ts'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { afterTurning } from '#server/telemetry/patience.ts'
import type { Addresses } from './addresses.ts'
import { createFreshness } from './freshness.ts'
import { createLooker, unreachable, type AttachedReplica, type ServerState, type Sighting } from './look.ts'

export interface DatabaseState {
  primary: ServerState
  /** Null: there is no separate replica pool. */
  replica: ServerState | null
  /** Replicas that are attached to the primary, as it sees them; null: not known. */
  attached: AttachedReplica[] | null
  /** The newest timeline that a primary has been seen on; 0: none yet. */
  timeline: number
  /** How far the primary had written its WAL at the last look; null: not known. */
  writtenLsn: number | null
}

export interface Monitor {
  state(): DatabaseState
  /** PostgreSQL's system identifier, once a server has been seen. */
  cluster(): string | null
  /** Whether a primary that takes writes was there at the last look. */
  hasPrimary(): boolean
  /** See `Freshness.ageSeconds`. */
  ageSeconds(position: Position): number | null
  /** Whether all that `token` has seen is on every replica that may answer, so that nobody has to ask for it any more. */
  passedByAll(token: Token): boolean
  /** Whether a replica at `position` has what the tokens had that were dropped because everybody had passed them. */
  abovePassed(position: Position): boolean
  /**
   * Whether this cluster, for all that can be known, has never had that timeline: the token that names it is from before a backup was restored. Known ten seconds after it was first asked.
   */
  neverHad(timeline: number): boolean
  /** Something failed: look now. Costs nothing while a look is under way. */
  hurry(): void
  /** Another server answered on a newer timeline, or said that it is no primary any more. */
  sawPosition(position: Position): void
  /** Resolves after the first look, or `limitMs`. */
  ready(limitMs: number): Promise<void>
  /** Resolves at the next look that finds a primary, or after `limitMs`. */
  primaryReturns(limitMs: number): Promise<void>
  /** A look now, and what it found. */
  look(): Promise<DatabaseState>
  /** Called after each look. */
  onLook(listener: (state: DatabaseState) => void): void
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

/** All is well: a change is known within about a second also where nobody asks anything. Anything is wrong: four times a second. */
const calmMs = 1_000
const hastyMs = 250

/** A look that takes longer has found out what it wanted to know. */
const lookTimeoutMs = 1_000

/**
 * A token is dropped once every replica has passed it for this long. The other instances look once a second, too: by then each of them knows it as well,
 * and lets no replica answer that has not.
 */
const passedForMs = 10_000

/**
 * A timeline that only a token names has begun a moment ago and is still to be met, or there is none. For so long after it was first asked for, at each look, there must have been a primary whose
 * commits standbys confirm: one that another has succeeded loses its standbys within `wal_sender_timeout` (3 s).
 */
const neverHadMs = 10_000

/** Timelines that were asked for and not met. Tokens are signed, so that these are few. */
const mostUnmet = 20

/** Watches the servers over connections of its own: who is primary, on which timeline, how far the replicas are. */
export function createMonitor({ primaryUrl, replicaUrl, log, addresses, onNewEpoch }: MonitorOptions): Monitor {
  const primary = createLooker(primaryUrl, lookTimeoutMs, addresses.primary, () => hurry())
  const replica = replicaUrl === null ? null : createLooker(replicaUrl, lookTimeoutMs, addresses.replica, () => hurry())
  const freshness = createFreshness()
  const listeners = new Set<(state: DatabaseState) => void>()
  const unknown: ServerState = { reachable: false, role: null, latencyMs: null, lagSeconds: null, error: 'Not checked yet', timeline: null }
  let state: DatabaseState = { primary: unknown, replica: replica && unknown, attached: null, timeline: 0, writtenLsn: null }
  let cluster: string | null = null
  let looking: Promise<DatabaseState> | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let looks = 0
  let registering = false
  /** Since when there has been a primary at each look whose commits standbys confirm; null: there is none now. */
  let soundSince: number | null = null
  let lookedAt = 0
  /** Timelines that only tokens have named, and when they first did. */
  const unmet = new Map<number, number>()
  /** What every attached replica had replayed, and when that was found. */
  const passed: { at: number, timeline: number, lsn: number }[] = []

  const wellPrimary = () => state.primary.reachable && state.primary.role === 'primary' && state.primary.timeline === (state.timeline || state.primary.timeline)
  const wellReplica = () => state.replica === null || (state.replica.reachable && (state.replica.lagSeconds ?? 0) < 5)

  async function turn(): Promise<DatabaseState> {
    const [first, second] = await Promise.allSettled([primary.look(), replica ? replica.look() : Promise.resolve(null)])
    if (closed) return state
    const sighting = first.status === 'fulfilled' ? first.value : null
    const timelineBefore = state.timeline
    if (sighting) {
      cluster = sighting.cluster
      if (sighting.position?.role === 'primary') sawPrimary(sighting, sighting.position)
    }
    const behind = second.status === 'fulfilled' ? second.value : null
    if (behind) cluster ??= behind.cluster
    // A replica's word, too: it follows that timeline, so it has begun, also where the primary's address still leads to the former one.
    const timeline = Math.max(state.timeline, sighting?.role === 'primary' ? sighting.position?.timeline ?? 0 : 0, behind?.position?.timeline ?? 0)
    state = {
      primary: sighting ? stateOf(sighting) : unreachable((first as PromiseRejectedResult).reason),
      replica: replica === null ? null : behind ? stateOf(behind, sighting?.role === 'primary') : unreachable((second as PromiseRejectedResult).reason),
      attached: sighting?.attached ?? null,
      timeline,
      writtenLsn: sighting?.position?.role === 'primary' ? sighting.position.lsn : null,
    }
    if (timeline > timelineBefore) onNewEpoch(timeline, timelineBefore > 0)
    looks++
    lookedAt = performance.now()
    soundSince = wellPrimary() && sighting?.confirms ? soundSince ?? lookedAt : null
    // Of those there are now: whoever has waited for this look leaves at once.
    for (const listener of [...listeners]) listener(state)
    return state
  }

  function sawPrimary(sighting: Sighting, position: Position) {
    if (position.timeline < state.timeline) return
    if (sighting.flushedLsn !== null) freshness.primaryWasAt({ ...position, lsn: sighting.flushedLsn })
    if (sighting.registeredTimeline < position.timeline) void register(sighting.cluster, position)
    if (!sighting.attached?.length) return
    passed.push({ at: performance.now(), timeline: position.timeline, lsn: Math.min(...sighting.attached.map(({ replayLsn }) => replayLsn)) })
    // One older than the pause is enough to judge by.
    while (passed.length > 1 && performance.now() - passed[1]!.at >= passedForMs) passed.shift()
  }

  function stateOf(sighting: Sighting, primaryInSight = true): ServerState {
    const { role, position, latencyMs, sinceReplayedSeconds } = sighting
    const age = position && role === 'replica' ? freshness.ageSeconds(position, { primaryInSight }) : null
    const lag = role === 'primary' ? null : age === null || age === Infinity ? sinceReplayedSeconds : age
    return { reachable: true, role, latencyMs, lagSeconds: lag === null ? null : Math.max(0, Math.round(lag * 10) / 10), error: null, timeline: position?.timeline ?? null }
  }

  /** Its own connection and no part of the look: the commit may wait for a standby that is being replaced. Tried again at the next look. */
  async function register(system: string, { timeline, lsn }: Position) {
    if (registering) return
    registering = true
    const client = new pg.Client({ connectionString: primaryUrl, stream: addresses.primary.openSocket, connectionTimeoutMillis: lookTimeoutMs, query_timeout: 5_000, application_name: 'fleet2-monitor' })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('INSERT INTO timelines (system_identifier, number, seen_at_lsn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
        system, timeline, `${Math.floor(lsn / 2 ** 32).toString(16)}/${(lsn % 2 ** 32).toString(16)}`])
    }
    catch (error) {
      log.debug({ err: error }, 'The primary\'s timeline could not be written down yet')
    }
    finally {
      registering = false
      client.end().catch(() => {})
    }
  }

  function look(): Promise<DatabaseState> {
    clearTimeout(timer)
    // Outside of the request whose failure made it hurry: the next looks, and their log lines, are not that request's.
    looking ??= runOutsideContext(turn).finally(() => {
      looking = null
      if (closed) return
      const pause = wellPrimary() && wellReplica() ? calmMs : hastyMs
      timer = setTimeout(() => void look(), pause * (0.85 + Math.random() * 0.3))
      timer.unref()
    })
    return looking
  }

  function hurry() {
    if (closed || looking) return
    clearTimeout(timer)
    // Not at once: the failures of one moment are one reason to look, and what just broke needs a moment to be something else.
    timer = setTimeout(() => void look(), 20 + Math.random() * 30)
    timer.unref()
  }

  function nextLook(limitMs: number, condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        callOff()
        listeners.delete(listener)
        resolve()
      }
      const listener = () => void (condition() && done())
      const callOff = afterTurning(limitMs, done)
      listeners.add(listener)
    })
  }

  const monitor: Monitor = {
    state: () => state,
    cluster: () => cluster,
    hasPrimary: wellPrimary,
    ageSeconds: position => freshness.ageSeconds(position, { primaryInSight: wellPrimary() }),
    passedByAll(token) {
      const mark = passed[0]
      if (!mark || performance.now() - mark.at < passedForMs) return false
      return token.cluster === cluster && (mark.timeline > token.timeline || (mark.timeline === token.timeline && mark.lsn >= token.lsn && mark.lsn >= token.confirm))
    },
    abovePassed(position) {
      const mark = passed.at(-1)
      return !mark || position.timeline > mark.timeline || (position.timeline === mark.timeline && position.lsn >= mark.lsn)
    },
    neverHad(timeline) {
      if (timeline <= state.timeline || state.timeline === 0) return false
      const now = performance.now()
      if (!unmet.has(timeline)) {
        if (unmet.size >= mostUnmet) unmet.delete(unmet.keys().next().value!)
        unmet.set(timeline, now)
      }
      return soundSince !== null && now - lookedAt < 3 * calmMs && now - Math.max(soundSince, unmet.get(timeline)!) >= neverHadMs
    },
    hurry,
    sawPosition(position) {
      if (position.timeline <= state.timeline || position.role !== 'primary') return hurry()
      const isFailover = state.timeline > 0
      state = { ...state, timeline: position.timeline }
      onNewEpoch(position.timeline, isFailover)
      hurry()
    },
    ready: limitMs => nextLook(limitMs, () => looks > 0),
    // Not the last look's word: whoever asks has just seen it proved wrong.
    primaryReturns(limitMs) {
      const before = looks
      hurry()
      return nextLook(limitMs, () => looks > before && wellPrimary())
    },
    look,
    onLook: listener => void listeners.add(listener),
    close() {
      closed = true
      clearTimeout(timer)
      primary.close()
      replica?.close()
    },
  }
  void look()
  return monitor
}
