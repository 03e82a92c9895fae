import { describe, expect, it } from 'vitest'
import { check } from './check.ts'
import { generate } from './generate.ts'
import type { Action, Answer, FinalState, History, Step } from './history.ts'

let clock = 0

function step(client: number, action: Action, answer: Answer | null, more: Partial<Step> = {}): Step {
  const startedAt = ++clock
  return {
    client,
    action,
    startedAt,
    endedAt: ++clock,
    attempts: 1,
    answer,
    stale: false,
    replayed: false,
    servedBy: null,
    unexpected: [],
    refusal: null,
    overrunMs: 0,
    afterwards: false,
    left: false,
    believed: false,
    executions: null,
    behind: 0,
    ...more,
  }
}
const write = (client: number, value: string, version: number, more?: Partial<Step>) =>
  step(client, { kind: 'write', key: 'r', value }, { kind: 'write', version }, more)
const read = (client: number, version: number, value: string | null, more?: Partial<Step>) =>
  step(client, { kind: 'read', key: 'r' }, { kind: 'read', version, value }, more)
const append = (client: number, id: string, position: number, more?: Partial<Step>) =>
  step(client, { kind: 'append', id }, { kind: 'append', position }, more)
const readList = (client: number, ids: string[], more?: Partial<Step>) =>
  step(client, { kind: 'readList' }, { kind: 'readList', ids }, more)

const edit = (client: number, id: string, name: string, found = true) =>
  step(client, { kind: 'edit', id, edit: name }, { kind: 'edit', found })
const refusedWrite = (value: string, more: Partial<Step>) =>
  step(0, { kind: 'write', key: 'r', value }, null, more)

/** What nobody has seen anything go wrong around. */
const calm = {
  troubles: [],
  locks: [],
  crowds: [],
  silentPoolers: [],
  samples: [],
  limits: { backends: 50, lagSeconds: 30 },
}
const always = [{ what: 'failover', from: 0, until: Infinity }]
const history = (steps: Step[], end = final([], []), more: Partial<History> = {}): History => ({
  ...calm,
  steps,
  final: end,
  ...more,
})

const good = (): History => ({
  ...calm,
  steps: [
    write(0, 'a', 1),
    read(0, 1, 'a'),
    read(1, 0, null),
    append(1, 'x', 1),
    write(1, 'b', 2),
    readList(1, ['x']),
    read(1, 2, 'b'),
    append(0, 'y', 2),
    readList(0, ['x', 'y']),
  ],
  final: final(['a', 'b'], ['x', 'y']),
})
function final(values: string[], list: string[], edits: string[] = []): FinalState {
  return { log: values.map((value, n) => ({ key: 'r', version: n + 1, value })), list, edits }
}
const broken = (history: Partial<History> & Pick<History, 'steps' | 'final'>) =>
  [...new Set(check({ ...calm, ...history }).map(({ promise }) => promise))]

describe('the checker of histories', () => {
  it('finds nothing in a history that keeps every promise', () => {
    expect(check(good())).toEqual([])
  })

  it('notices an acknowledged write that is not there', () => {
    expect(broken({ ...good(), final: final(['a', 'c'], ['x', 'y']) })).toContain('acknowledged write lost')
    expect(broken({ ...good(), final: final(['a', 'b'], ['x']) })).toContain('acknowledged write lost')
  })

  it('notices a write that is there twice, at once or later', () => {
    expect(broken({ ...good(), final: final(['a', 'b', 'b'], ['x', 'y']) })).toEqual(['write applied twice'])
    expect(broken({ ...good(), final: final(['a', 'b'], ['x', 'y', 'x']) })).toEqual(['write applied twice'])
  })

  it('notices a version that two writes were given, as after a split brain', () => {
    expect(
      broken({
        steps: [],
        final: {
          log: [
            { key: 'r', version: 1, value: 'a' },
            { key: 'r', version: 1, value: 'b' },
          ],
          list: [],
          edits: [],
        },
      }),
    ).toEqual(['acknowledged write lost'])
  })

  it('notices a write that does not come after one that had been acknowledged before it', () => {
    expect(broken({ steps: [append(0, 'x', 2), append(1, 'y', 1)], final: final([], ['y', 'x']) })).toEqual([
      'acknowledged write lost',
    ])
    // At the same time, either may be first.
    expect(
      broken({
        steps: [
          append(0, 'x', 2, { startedAt: 1, endedAt: 10 }),
          append(1, 'y', 1, { startedAt: 5, endedAt: 12 }),
        ],
        final: final([], ['y', 'x']),
      }),
    ).toEqual([])
  })

  it('notices an answer that differs from what is there', () => {
    const { steps } = good()
    expect(
      broken({ steps: [...steps.slice(0, 4), write(1, 'b', 7)], final: final(['a', 'b'], ['x']) }),
    ).toContain('answer differs from the database')
    expect(broken({ steps: [append(0, 'x', 3)], final: final([], ['x']) })).toEqual([
      'answer differs from the database',
    ])
  })

  it('notices a session that reads back behind its own write, or behind what it has read', () => {
    expect(broken({ steps: [write(0, 'a', 1), read(0, 0, null)], final: final(['a'], []) })).toEqual([
      'session read backwards',
    ])
    expect(broken({ steps: [read(0, 2, 'b'), read(0, 1, 'a')], final: final(['a', 'b'], []) })).toEqual([
      'session read backwards',
    ])
    expect(broken({ steps: [append(0, 'x', 1), readList(0, [])], final: final([], ['x']) })).toEqual([
      'session read backwards',
    ])
    expect(
      broken({ steps: [readList(0, ['x', 'y']), readList(0, ['x'])], final: final([], ['x', 'y']) }),
    ).toEqual(['session read backwards'])
  })

  it('lets another session be behind, and an answer that says of itself that it is', () => {
    expect(broken({ steps: [write(0, 'a', 1), read(1, 0, null)], final: final(['a'], []) })).toEqual([])
    expect(
      broken({
        steps: [write(0, 'a', 1), read(0, 0, null, { stale: true })],
        final: final(['a'], []),
        troubles: always,
      }),
    ).toEqual([])
  })

  it('goes on from what was seen before a stale answer', () => {
    expect(
      broken({
        steps: [write(0, 'a', 1), read(0, 0, null, { stale: true }), read(0, 0, null)],
        final: final(['a'], []),
        troubles: always,
      }),
    ).toEqual(['session read backwards'])
  })

  it('notices a read of what was rolled back or lost', () => {
    expect(broken({ steps: [read(0, 1, 'z')], final: final(['a'], []) })).toEqual([
      'read of what was never written',
    ])
    expect(broken({ steps: [readList(0, ['x', 'z'])], final: final([], ['x', 'y']) })).toEqual([
      'read of what was never written',
    ])
  })

  it('notices a write whose outcome nobody ever learned', () => {
    expect(broken({ steps: [step(0, { kind: 'append', id: 'x' }, null)], final: final([], ['x']) })).toEqual([
      'outcome never known',
    ])
    // A read that was refused harms nothing, while something is the matter; nor does a write that nobody
    // waits for any more.
    expect(
      broken({ steps: [step(0, { kind: 'readList' }, null)], final: final([], []), troubles: always }),
    ).toEqual([])
    expect(broken(history([refusedWrite('a', { left: true })]))).toEqual([])
  })

  it('notices an error that says neither yes nor "try again", a request that hung, and staleness when all is well', () => {
    expect(
      broken({
        steps: [append(0, 'x', 1, { unexpected: ['25006 cannot execute INSERT'] })],
        final: final([], ['x']),
      }),
    ).toEqual(['error that no client can handle'])
    expect(broken({ steps: [append(0, 'x', 1, { overrunMs: 60_000 })], final: final([], ['x']) })).toEqual([
      'request past its deadline',
    ])
    expect(
      broken({ steps: [readList(0, [], { stale: true, afterwards: true })], final: final([], []) }),
    ).toEqual(['stale without need'])
    expect(
      broken({ steps: [step(0, { kind: 'readList' }, null, { afterwards: true })], final: final([], []) }),
    ).toEqual(['error that no client can handle'])
  })
})

describe('the checker of what an ordinary day must not cost', () => {
  it('notices a write that does not find what its caller has just been shown', () => {
    const seen = readList(0, ['x'])
    expect(broken(history([seen, edit(0, 'x', 'e', false)], final([], ['x'])))).toEqual([
      'write judged on less than was seen',
    ])
    expect(broken(history([append(0, 'x', 1), edit(0, 'x', 'e', false)], final([], ['x'])))).toEqual([
      'write judged on less than was seen',
    ])
    expect(broken(history([read(0, 2, 'b'), write(0, 'c', 2)], final(['a', 'b'], [])))).toContain(
      'write judged on less than was seen',
    )
    // Somebody else has not seen it.
    expect(broken(history([seen, edit(1, 'x', 'e', false)], final([], ['x'])))).toEqual([])
    expect(broken(history([seen, edit(0, 'x', 'e')], final([], ['x'], ['e'])))).toEqual([])
  })

  it('notices an edit that is lost or made twice', () => {
    expect(broken(history([readList(0, ['x']), edit(0, 'x', 'e')], final([], ['x'])))).toEqual([
      'acknowledged write lost',
    ])
    expect(broken(history([readList(0, ['x']), edit(0, 'x', 'e')], final([], ['x'], ['e', 'e'])))).toEqual([
      'write applied twice',
    ])
  })

  it('notices that something was changed where the answer said that nothing was', () => {
    const told = refusedWrite('a', {
      believed: true,
      refusal: 'The database took too long. Nothing was changed.',
    })
    expect(broken(history([told], final(['a'], [])))).toEqual(['nothing was changed, it said'])
    expect(broken(history([told], final([], [])))).toEqual([])
  })

  it('notices an answer that is stale or refused while nothing is the matter, and lets it pass where something is', () => {
    const stale = readList(0, [], { stale: true })
    const refused = step(0, { kind: 'readList', manner: 'strong' }, null, {
      refusal: 'The database cannot be reached.',
    })
    expect(broken(history([stale]))).toEqual(['stale without need'])
    expect(broken(history([refused]))).toEqual(['refused without need'])
    expect(broken(history([stale, refused], undefined, { troubles: always }))).toEqual([])
    expect(broken(history([{ ...refused, left: true }]))).toEqual([])
  })

  it('notices a circuit that opens, and a replica that is called late, while nothing is the matter', () => {
    const sample = { at: 5, circuits: ['closed', 'open'], lags: [0, null], backends: [] }
    expect(broken(history([], undefined, { samples: [sample] }))).toEqual(['circuit open without need'])
    expect(broken(history([], undefined, { samples: [sample], troubles: always }))).toEqual([])
    expect(broken(history([], undefined, { samples: [{ ...sample, circuits: [], lags: [31, 0] }] }))).toEqual(
      ['replica called late without need'],
    )
  })

  it('notices a slow statement that the servers were given more than once', () => {
    const slow = (executions: number, behind = 0) =>
      step(
        0,
        { kind: 'read', key: 'r', sleepMs: 3_000 },
        { kind: 'read', version: 0, value: null },
        { executions, behind },
      )
    expect(broken(history([slow(2)]))).toEqual(['slow statement run again'])
    expect(broken(history([slow(1)]))).toEqual([])
    // The replica lacked something and was given it in vain, and the primary then.
    expect(broken(history([slow(2, 1)]))).toEqual([])
    expect(broken(history([slow(3, 1)]))).toEqual(['slow statement run again'])
  })

  it('notices a quick statement that waits for somebody else\'s slow one, or for a lock that it has nothing to do with', () => {
    const slow = step(
      1,
      { kind: 'read', key: 'r', sleepMs: 3_000 },
      { kind: 'read', version: 0, value: null },
      { startedAt: 0, endedAt: 3_000 },
    )
    const quick = (startedAt: number, endedAt: number) => write(0, 'a', 1, { startedAt, endedAt })
    expect(broken(history([slow, quick(500, 3_100)], final(['a'], [])))).toEqual(['held up by somebody else'])
    expect(broken(history([slow, quick(500, 520)], final(['a'], [])))).toEqual([])
    // It came when the slow one was about to end.
    expect(broken(history([slow, quick(2_900, 3_100)], final(['a'], [])))).toEqual([])
    expect(
      broken(
        history([slow, quick(500, 3_100)], final(['a'], []), {
          crowds: [{ what: 'crowd', from: 0, until: 2_000 }],
        }),
      ),
    ).toEqual([])
    const lock = { what: 'row lock', from: 0, until: 3_000 }
    expect(
      broken(history([quick(500, 3_100)], final(['a'], []), { locks: [{ ...lock, key: 'q' }] })),
    ).toEqual(['held up by somebody else'])
    expect(
      broken(history([quick(500, 3_100)], final(['a'], []), { locks: [{ ...lock, key: 'r' }] })),
    ).toEqual([])
  })

  it('notices writes that stand still for as long as one of two poolers does', () => {
    const silentPoolers = [{ what: 'freeze pooler', from: 1_000, until: 11_000 }]
    const troubles = always
    expect(
      broken(
        history([write(0, 'a', 1, { startedAt: 2_000, endedAt: 11_100 })], final(['a'], []), {
          silentPoolers,
          troubles,
        }),
      ),
    ).toEqual(['silent pooler waited for'])
    expect(
      broken(
        history([write(0, 'a', 1, { startedAt: 2_000, endedAt: 4_000 })], final(['a'], []), {
          silentPoolers,
          troubles,
        }),
      ),
    ).toEqual([])
  })

  it('notices back ends that pile up, whatever else is the matter', () => {
    const sample = (total: number) => ({
      at: 5,
      circuits: [],
      lags: [],
      backends: [{ server: 'one', total, waitingForStandby: total - 5 }],
    })
    expect(broken(history([], undefined, { samples: [sample(20), sample(120)], troubles: always }))).toEqual([
      'more back ends than connections',
    ])
    expect(broken(history([], undefined, { samples: [sample(50)] }))).toEqual([])
  })
})

describe('the generator of histories', () => {
  it('draws the same run from the same seed, and another from another', () => {
    const draw = (seed: number) => {
      const plan = generate({ seed, seconds: 5 })
      const next = plan.actions(3)
      return JSON.stringify([plan.moments, Array.from({ length: 50 }, next)])
    }
    expect(draw(1)).toBe(draw(1))
    expect(draw(1)).not.toBe(draw(2))
  })

  it('gives every write a value of its own, in all clients', () => {
    const plan = generate({ seed: 1, seconds: 1 })
    const values = Array.from({ length: 8 }, (_, client) => plan.actions(client))
      .flatMap(next => Array.from({ length: 200 }, next))
      .flatMap(action =>
        action.kind === 'write' ? [action.value] : action.kind === 'append' ? [action.id] : [],
      )
    expect(new Set(values).size).toBe(values.length)
  })

  it('draws every kind of fault in sixty seeds', () => {
    const kinds = new Set(
      Array.from({ length: 60 }, (_, seed) => generate({ seed: seed + 1, seconds: 2 })).flatMap(plan =>
        plan.moments.flatMap(({ faults }) => faults.map(({ kind }) => kind)),
      ),
    )
    expect([...kinds].sort()).toEqual([
      'crowd',
      'cut commits',
      'delay',
      'failover',
      'freeze pgbouncer',
      'freeze primary',
      'freeze replica',
      'give up',
      'held commits',
      'kill primary',
      'kill replica',
      'lag',
      'leave',
      'locked records',
      'owner transaction',
      'pinned instance',
      'quiet',
      'reset',
      'restart pgbouncer',
      'row lock',
      'slow statements',
      'wire',
    ])
  })
})
