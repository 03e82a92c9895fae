import type { Action } from './history.ts'
import type { Fencing } from '../support/cluster.ts'

/** Something that is done to the cluster; undone again after `ms`. `bothMs`: for so long the balancer takes the former primary and the new one for primaries. */
export type Fault
  = | { kind: 'failover', old: Fencing, isolatedMs: number, staleBalancerMs: number, bothMs: number }
    | { kind: 'kill primary', ms: number }
    | { kind: 'freeze primary', ms: number }
    | { kind: 'kill replica', which: number, ms: number }
    | { kind: 'freeze replica', which: number, ms: number }
    | { kind: 'lag', which: number[], ms: number }
    | { kind: 'wire', place: Place, way: Way, how: 'stall' | 'freeze' | 'refuse', ms: number }
    | { kind: 'delay', place: Place, way: Way, delayMs: number, ms: number }
    | { kind: 'reset', place: Place, way: Way }
    | { kind: 'cut commits', place: Place, when: 'before' | 'with' | 'after', count: number, ms: number }
    | { kind: 'restart pgbouncer' }
    | { kind: 'freeze pgbouncer', ms: number }

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

/** Draws a run from a seed: nothing else decides what is asked and what is broken. (When it happens is the machine's affair, as everywhere.) */
export function generate({ seed, seconds, only }: PlanOptions): Plan {
  const random = randomFrom(seed)
  const moments: Plan['moments'] = []
  for (let ms = 0; ms < seconds * 1000;) {
    const moment = { pauseMs: 50 + pick(random, 250), faults: [drawFault(random, only)] }
    // Sometimes two at once; a failover meets COMMITs that are cut, or a replica that lags.
    if (!only && random() < 0.4) {
      const second = drawFault(random, ['cut commits', 'lag', 'delay'])
      if (second.kind !== moment.faults[0]!.kind) moment.faults.push(second)
    }
    moments.push(moment)
    ms += moment.pauseMs + Math.max(...moment.faults.map(lasts))
  }
  return {
    seed,
    moments,
    actions(client) {
      const own = randomFrom(seed * 1_000 + client)
      let n = 0
      return () => {
        const chance = own()
        const key = `${seed}/r${pick(own, registers)}`
        const id = `${seed}/c${client}-${n++}`
        if (chance < 0.25) return { kind: 'write', key, value: id }
        if (chance < 0.4) return { kind: 'append', id }
        return chance < 0.8 ? { kind: 'read', key } : { kind: 'readList' }
      }
    },
  }
}

function drawFault(random: () => number, only?: Fault['kind'][]): Fault {
  const ms = 200 + pick(random, 800)
  const place = choose(random, ['wires', 'balancer'] as const)
  const way = choose(random, ['write', 'read'] as const)
  const which = pick(random, 2)
  // A failover is what everything else is for: it is drawn more often.
  const kind = choose<Fault['kind']>(random, only ?? ['failover', 'failover', 'failover', 'kill primary', 'freeze primary', 'kill replica', 'freeze replica', 'lag', 'wire', 'wire', 'delay', 'reset', 'cut commits', 'cut commits', 'restart pgbouncer', 'freeze pgbouncer'])
  switch (kind) {
    case 'failover': return { kind, old: choose(random, ['kill', 'freeze', 'alive', 'switchover'] as const), isolatedMs: random() < 0.3 ? ms / 2 : 0, staleBalancerMs: random() < 0.4 ? ms : 0, bothMs: random() < 0.2 ? ms : 0 }
    case 'kill primary': return { kind, ms }
    case 'freeze primary': return { kind, ms }
    case 'kill replica': return { kind, which, ms }
    case 'freeze replica': return { kind, which, ms }
    case 'lag': return { kind, which: random() < 0.5 ? [which] : [0, 1], ms }
    case 'wire': return { kind, place, way, how: choose(random, ['stall', 'freeze', 'refuse'] as const), ms }
    case 'delay': return { kind, place, way, delayMs: 5 + pick(random, 60), ms }
    case 'reset': return { kind, place, way }
    case 'cut commits': return { kind, place, when: choose(random, ['before', 'with', 'after', 'after'] as const), count: 1 + pick(random, 6), ms }
    case 'restart pgbouncer': return { kind }
    case 'freeze pgbouncer': return { kind, ms }
  }
}

/** About; a failover with the old one's return takes 2 s. */
function lasts(fault: Fault): number {
  if (fault.kind === 'failover') return 2_000 + fault.isolatedMs + fault.staleBalancerMs + fault.bothMs
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
