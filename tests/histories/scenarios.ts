import type { BrokenPromise } from './violation.ts'
import { generate, type Fault, type Plan } from './generate.ts'
import type { SeedOptions } from './run-seed.ts'

/**
 * One thing that goes on and what it must not cost, where chance alone would need many seeds to bring
 * together what hurts. The clients' actions are drawn from the seed, as ever.
 */
export interface Scenario {
  name: string
  /** What must hold. */
  promise: string
  moments: { pauseMs?: number, faults: Fault[] }[]
  options?: Partial<SeedOptions>
  /** What a router that breaks it would be found out by. */
  noticedAs: BrokenPromise[]
}

const lag = (ms: number): Fault => ({ kind: 'lag', which: [0, 1], ms })

export const scenarios: Scenario[] = [
  {
    name: 'slow-statements',
    promise: 'a slow statement is run once, and neither opens the circuit nor costs anybody else anything',
    moments: [{ faults: [{ kind: 'slow statements', clients: 6, sleepsMs: [1_200, 3_000], ms: 4_000 }] }],
    // Few and far between: it is the quick one that comes while nobody else does that waits for the slow
    // ones.
    options: { clients: 2, pauseMs: 400, budgetMs: 8_000 },
    noticedAs: [
      'slow statement run again',
      'circuit open without need',
      'stale without need',
      'held up by somebody else',
    ],
  },
  {
    name: 'row-lock',
    promise: 'who waits for a row that somebody has locked holds up nobody who does not',
    moments: [{ faults: [{ kind: 'row lock', key: '', clients: 4, ms: 4_000 }] }],
    options: { clients: 3, pauseMs: 400, budgetMs: 8_000 },
    noticedAs: ['held up by somebody else', 'circuit open without need', 'stale without need'],
  },
  {
    name: 'owner-transaction',
    promise: 'a transaction that somebody holds open on the primary makes no read stale and refuses none',
    moments: [
      { faults: [{ kind: 'owner transaction', ms: 5_000 }] },
      { faults: [{ kind: 'owner transaction', ms: 2_500 }, lag(2_000)] },
    ],
    noticedAs: ['refused without need', 'stale without need'],
  },
  {
    name: 'quiet',
    promise: 'a primary that writes nothing but begins a new WAL segment makes no replica late',
    moments: [{ faults: [{ kind: 'quiet', ms: 7_000 }] }],
    options: { database: { lagLimitSeconds: 3 }, pauseMs: 20 },
    noticedAs: ['replica called late without need', 'circuit open without need'],
  },
  {
    name: 'edit-what-was-seen',
    promise:
      'a change finds what its caller has just been shown, also where a replica shows it before the primary does',
    moments: Array.from({ length: 4 }, () => ({ faults: [{ kind: 'held commits' as const, ms: 1_200 }] })),
    // Few of them have a change under way when a commit is held.
    options: { clients: 24 },
    noticedAs: ['write judged on less than was seen'],
  },
  {
    name: 'pinned-instance',
    promise: 'a write whose caller has seen the new timeline is not judged by the former primary',
    moments: [{ faults: [{ kind: 'pinned instance', ms: 4_000 }] }],
    options: { budgetMs: 1_000 },
    noticedAs: ['write judged on less than was seen'],
  },
  {
    name: 'callers-who-leave',
    promise: 'whoever goes away makes nobody else\'s read stale',
    moments: [
      {
        faults: [
          lag(5_000),
          { kind: 'delay', place: 'wires', way: 'write', delayMs: 102, ms: 5_000 },
          { kind: 'leave', chance: 0.4, withinMs: 60, ms: 5_000 },
        ],
      },
    ],
    options: { budgetMs: 8_000 },
    noticedAs: ['stale without need', 'refused without need'],
  },
  {
    name: 'crowd',
    promise:
      'more clients than connections are no illness: no circuit opens, nothing is stale, nobody is refused',
    moments: [{ faults: [{ kind: 'crowd', clients: 100, sleepMs: 400, ms: 4_000 }, lag(4_000)] }],
    options: { budgetMs: 12_000 },
    noticedAs: ['circuit open without need', 'stale without need', 'refused without need'],
  },
  {
    name: 'nothing-was-changed',
    promise: 'who is told that nothing was changed finds that nothing was',
    moments: [
      {
        faults: [
          { kind: 'cut commits', place: 'balancer', when: 'after', count: 40, ms: 5_500 },
          { kind: 'locked records', times: 6, pauseMs: 10, ms: 900 },
        ],
      },
    ],
    options: { budgetMs: 1_500 },
    noticedAs: ['nothing was changed, it said'],
  },
  {
    name: 'silent-pooler',
    promise: 'one of two poolers that stands still is left for the other one',
    moments: [{ pauseMs: 1_500, faults: [{ kind: 'freeze pooler', which: 0, ms: 12_000 }] }],
    options: { budgetMs: 20_000, pauseMs: 50 },
    noticedAs: ['silent pooler waited for'],
  },
  {
    name: 'commits-without-standby',
    promise: 'commits that wait for a standby do not pile up back ends, however many clients come and go',
    moments: [
      {
        faults: [
          { kind: 'freeze replica', which: 0, ms: 9_000 },
          { kind: 'freeze replica', which: 1, ms: 9_000 },
          { kind: 'give up', clients: 16, ms: 8_500 },
        ],
      },
    ],
    options: { budgetMs: 800 },
    noticedAs: ['more back ends than connections'],
  },
]

/** The scenario with the actions of a seed. */
export function planOf({ moments }: Scenario, seed: number): Plan {
  // Locks stand on a register of this very seed.
  const faults = (all: Fault[]) =>
    all.map(fault => (fault.kind === 'row lock' ? { ...fault, key: `${seed}/r0` } : fault))
  return {
    ...generate({ seed, seconds: 0 }),
    moments: moments.map(moment => ({ pauseMs: 300, ...moment, faults: faults(moment.faults) })),
  }
}
