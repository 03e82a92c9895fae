import type { Action, Manner } from './history.ts'
import type { Fencing } from '../support/cluster.ts'

/**
 * Something that is done to the cluster; undone again after `ms`. `bothMs`: for so long the balancer takes
 * the former primary and the new one for primaries.
 */
export type Fault = Harm | Condition

export type Harm
  = | { kind: 'failover', old: Fencing, isolatedMs: number, staleBalancerMs: number, bothMs: number }
    | { kind: 'kill primary', ms: number }
    | { kind: 'freeze primary', ms: number }
    | { kind: 'kill replica', which: number, ms: number }
    | { kind: 'freeze replica', which: number, ms: number }
    | { kind: 'wire', place: Place, way: Way, how: 'stall' | 'freeze' | 'refuse', ms: number }
    | { kind: 'reset', place: Place, way: Way }
    | { kind: 'cut commits', place: Place, when: 'before' | 'with' | 'after', count: number, ms: number }
    | { kind: 'restart pgbouncer' }
    | { kind: 'freeze pgbouncer', ms: number }
    /** Commits wait for a standby that is not there, while the replicas that are show them already. */
    | { kind: 'held commits', ms: number }
    /**
     * A failover of which the last instance hears nothing: its way leads to the former primary, which lives
     * on.
     */
    | { kind: 'pinned instance', ms: number }
    /** One of two poolers; only where the instances have two (`startTwoPoolers`). */
    | { kind: 'freeze pooler', which: number, ms: number }
    /**
     * Whoever asks the primary for a record of an operation waits: DDL, or a `VACUUM FULL`. Again and again,
     * `pauseMs` in between.
     */
    | { kind: 'locked records', times: number, pauseMs: number, ms: number }

/** What belongs to an ordinary day and must cost nobody but its author anything. */
export type Condition
  /** Both replicas, or one of them, replay nothing: the primary has what they lack. */
  = | { kind: 'lag', which: number[], ms: number }
    | { kind: 'delay', place: Place, way: Way, delayMs: number, ms: number }
    /**
     * More clients, whose statements take as long as `sleepsMs` says, in turn; every third of them is a
     * write.
     */
    | { kind: 'slow statements', clients: number, sleepsMs: number[], ms: number }
    /** Somebody's psql on the primary, in a transaction that has written. */
    | { kind: 'owner transaction', ms: number }
    /** Somebody's psql has locked a register's row; `clients` more of ours want to write to it. */
    | { kind: 'row lock', key: string, clients: number, ms: number }
    /** Callers go away before they have an answer: each request with this chance, within `withinMs`. */
    | { kind: 'leave', chance: number, withinMs: number, ms: number }
    /**
     * Whoever is refused a change does not ask again, as somebody who closes the page; more clients come, who
     * make something new each time.
     */
    | { kind: 'give up', clients: number, ms: number }
    /** Far more clients than there are connections, each with a statement of `sleepMs`. */
    | { kind: 'crowd', clients: number, sleepMs: number, ms: number }
    /** Nobody writes, and the primary begins a new WAL segment, as `archive_timeout` makes it do. */
    | { kind: 'quiet', ms: number }

const conditions: Fault['kind'][] = [
  'lag',
  'delay',
  'slow statements',
  'owner transaction',
  'row lock',
  'leave',
  'give up',
  'crowd',
  'quiet',
]

/** Whether it belongs to an ordinary day. */
export function isCondition(fault: Fault): fault is Condition {
  return conditions.includes(fault.kind)
}

/** Before PgBouncer or behind it. */
export type Place = 'wires' | 'balancer'
export type Way = 'write' | 'read'

export interface Plan {
  seed: number
  /** Each moment's faults are in force together; the next moment begins when they are undone. */
  moments: { pauseMs: number, faults: Fault[] }[]
  /** What client n does next. The same for the same seed, however fast it goes. */
  actions: (client: number) => () => Action
}

export interface PlanOptions {
  seed: number
  /** About how long the faults last. */
  seconds: number
  /** Only these kinds, for a test that wants one. */
  only?: Fault['kind'][]
}

const registers = 4

// A failover is what everything else is for: it is drawn more often.
const harms: Fault['kind'][] = [
  'failover',
  'failover',
  'failover',
  'kill primary',
  'freeze primary',
  'kill replica',
  'freeze replica',
  'wire',
  'wire',
  'reset',
  'cut commits',
  'cut commits',
  'restart pgbouncer',
  'freeze pgbouncer',
  'held commits',
  'pinned instance',
  'locked records',
]

/** A seed with nothing but conditions: in these every refusal and every stale answer is one too many. */
const ordinaryDayShare = 0.25

/**
 * Draws a run from a seed: nothing else decides what is asked and what is broken. (When it happens is the
 * machine's affair, as everywhere.)
 */
export function generate({ seed, seconds, only }: PlanOptions): Plan {
  const random = randomFrom(seed)
  const moments: Plan['moments'] = []
  const ordinary = random() < ordinaryDayShare
  const draw = (kinds: Fault['kind'][]) => drawFault(random, kinds, seed, seconds)
  for (let ms = 0; ms < seconds * 1000;) {
    const moment = {
      pauseMs: 50 + pick(random, 250),
      faults: [draw(only ?? (ordinary ? conditions : harms))],
    }
    // Sometimes two at once; a failover meets COMMITs that are cut, or a replica that lags, or people who
    // leave.
    if (!only && random() < 0.6) {
      const second = draw(ordinary || random() < 0.5 ? conditions : ['cut commits', 'lag', 'delay'])
      if (second.kind !== moment.faults[0]!.kind) moment.faults.push(second)
    }
    moments.push(moment)
    ms += moment.pauseMs + Math.max(...moment.faults.map(lasts))
  }
  return { seed, moments, actions: client => actionsOf(seed, client) }
}

function actionsOf(seed: number, client: number): () => Action {
  const own = randomFrom(seed * 1_000 + client)
  let n = 0
  let sawList = false
  return () => {
    // Who has just looked at the list often changes what stands in it.
    const chance = sawList && own() < 0.4 ? 0.4 : own()
    const key = `${seed}/r${pick(own, registers)}`
    const manner = choose<Manner>(own, ['transaction', 'transaction', 'query', 'query', 'strong'])
    const id = `${seed}/c${client}-${n++}`
    if (chance < 0.2) return { kind: 'write', key, value: id }
    if (chance < 0.35) return { kind: 'append', id }
    if (chance < 0.45) return { kind: 'edit', edit: id, id: null }
    sawList = chance >= 0.75
    return !sawList ? { kind: 'read', key, manner } : { kind: 'readList', manner }
  }
}

/**
 * Of a client whose statements take as long as `sleepsMs` says, in turn: two reads and a write to a register
 * of its own.
 */
export function slowActions(seed: number, client: number, sleepsMs: number[]): () => Action {
  let n = client
  return () => {
    const sleepMs = sleepsMs[n % sleepsMs.length]!
    const key = `${seed}/s${client}`
    const manner: Manner = n % 2 ? 'query' : 'transaction'
    return n++ % 3 === 2
      ? { kind: 'write', key, value: `${seed}/s${client}-${n}`, sleepMs }
      : { kind: 'read', key, manner, sleepMs }
  }
}

function drawFault(random: () => number, kinds: Fault['kind'][], seed: number, seconds: number): Fault {
  const ms = 200 + pick(random, 800)
  /** What hurts only by lasting: half of the run, and up to 30 s. */
  const longMs = 1_000 + pick(random, Math.min(30_000, Math.max(1_000, seconds * 500)))
  const place = choose(random, ['wires', 'balancer'] as const)
  const way = choose(random, ['write', 'read'] as const)
  const which = pick(random, 2)
  const kind = choose(random, kinds)
  switch (kind) {
    case 'failover':
      return {
        kind,
        old: choose(random, ['kill', 'freeze', 'alive', 'switchover'] as const),
        isolatedMs: random() < 0.3 ? ms / 2 : 0,
        staleBalancerMs: random() < 0.4 ? ms : 0,
        bothMs: random() < 0.2 ? ms : 0,
      }
    case 'kill primary':
      return { kind, ms }
    case 'freeze primary':
      return { kind, ms }
    case 'kill replica':
      return { kind, which, ms }
    case 'freeze replica':
      return { kind, which, ms }
    case 'lag':
      return { kind, which: random() < 0.5 ? [which] : [0, 1], ms }
    case 'wire':
      return { kind, place, way, how: choose(random, ['stall', 'freeze', 'refuse'] as const), ms }
    case 'delay':
      return { kind, place, way, delayMs: 5 + pick(random, 60), ms }
    case 'reset':
      return { kind, place, way }
    case 'cut commits':
      return {
        kind,
        place,
        when: choose(random, ['before', 'with', 'after', 'after'] as const),
        count: 1 + pick(random, 6),
        ms,
      }
    case 'restart pgbouncer':
      return { kind }
    case 'freeze pgbouncer':
      return { kind, ms }
    case 'held commits':
      return { kind, ms }
    case 'pinned instance':
      return { kind, ms: longMs }
    case 'locked records':
      return { kind, times: 1 + pick(random, 2), pauseMs: 200, ms: longMs }
    case 'freeze pooler':
      return { kind, which, ms }
    case 'slow statements':
      return { kind, clients: 3 + pick(random, 4), sleepsMs: [1_200, 3_000], ms: longMs }
    case 'owner transaction':
      return { kind, ms: longMs }
    case 'row lock':
      return { kind, key: `${seed}/r0`, clients: 1 + pick(random, 4), ms: longMs }
    case 'leave':
      return { kind, chance: 0.1 + 0.4 * random(), withinMs: 5 + pick(random, 60), ms: longMs }
    case 'give up':
      return { kind, clients: 4 + pick(random, 8), ms: longMs }
    case 'crowd':
      return { kind, clients: 40 + pick(random, 40), sleepMs: 100 + pick(random, 100), ms: longMs }
    case 'quiet':
      return { kind, ms: longMs }
  }
}

/** About; a failover with the old one's return takes 2 s. */
function lasts(fault: Fault): number {
  if (fault.kind === 'failover') return 2_000 + fault.isolatedMs + fault.staleBalancerMs + fault.bothMs
  if (fault.kind === 'pinned instance') return 2_000 + fault.ms
  if (fault.kind === 'locked records') return fault.times * (fault.ms + fault.pauseMs)
  return 'ms' in fault ? fault.ms : 100
}

/** Mulberry32: small, even enough, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function pick(random: () => number, below: number): number {
  return Math.floor(random() * below)
}

function choose<T>(random: () => number, from: readonly T[]): T {
  return from[pick(random, from.length)]!
}
