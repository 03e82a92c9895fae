import { describe, expect, it } from 'vitest'
import { check } from '../histories/check.ts'
import { generate } from '../histories/generate.ts'
import type { Action, Answer, FinalState, History, Step } from '../histories/history.ts'

let clock = 0

function step(client: number, action: Action, answer: Answer | null, more: Partial<Step> = {}): Step {
  const startedAt = ++clock
  return { client, action, startedAt, endedAt: ++clock, attempts: 1, answer, stale: false, replayed: false, servedBy: null, unexpected: [], overrunMs: 0, afterwards: false, ...more }
}
const write = (client: number, value: string, version: number, more?: Partial<Step>) => step(client, { kind: 'write', key: 'r', value }, { kind: 'write', version }, more)
const read = (client: number, version: number, value: string | null, more?: Partial<Step>) => step(client, { kind: 'read', key: 'r' }, { kind: 'read', version, value }, more)
const append = (client: number, id: string, position: number, more?: Partial<Step>) => step(client, { kind: 'append', id }, { kind: 'append', position }, more)
const readList = (client: number, ids: string[], more?: Partial<Step>) => step(client, { kind: 'readList' }, { kind: 'readList', ids }, more)

const good = (): History => ({
  steps: [write(0, 'a', 1), read(0, 1, 'a'), read(1, 0, null), append(1, 'x', 1), write(1, 'b', 2), readList(1, ['x']), read(1, 2, 'b'), append(0, 'y', 2), readList(0, ['x', 'y'])],
  final: final(['a', 'b'], ['x', 'y']),
})
function final(values: string[], list: string[]): FinalState {
  return { log: values.map((value, n) => ({ key: 'r', version: n + 1, value })), list }
}
const broken = (history: History) => [...new Set(check(history).map(({ promise }) => promise))]

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
    expect(broken({ steps: [], final: { log: [{ key: 'r', version: 1, value: 'a' }, { key: 'r', version: 1, value: 'b' }], list: [] } })).toEqual(['acknowledged write lost'])
  })

  it('notices a write that does not come after one that had been acknowledged before it', () => {
    expect(broken({ steps: [append(0, 'x', 2), append(1, 'y', 1)], final: final([], ['y', 'x']) })).toEqual(['acknowledged write lost'])
    // At the same time, either may be first.
    expect(broken({ steps: [append(0, 'x', 2, { startedAt: 1, endedAt: 10 }), append(1, 'y', 1, { startedAt: 5, endedAt: 12 })], final: final([], ['y', 'x']) })).toEqual([])
  })

  it('notices an answer that differs from what is there', () => {
    const { steps } = good()
    expect(broken({ steps: [...steps.slice(0, 4), write(1, 'b', 7)], final: final(['a', 'b'], ['x']) })).toContain('answer differs from the database')
    expect(broken({ steps: [append(0, 'x', 3)], final: final([], ['x']) })).toEqual(['answer differs from the database'])
  })

  it('notices a session that reads back behind its own write, or behind what it has read', () => {
    expect(broken({ steps: [write(0, 'a', 1), read(0, 0, null)], final: final(['a'], []) })).toEqual(['session read backwards'])
    expect(broken({ steps: [read(0, 2, 'b'), read(0, 1, 'a')], final: final(['a', 'b'], []) })).toEqual(['session read backwards'])
    expect(broken({ steps: [append(0, 'x', 1), readList(0, [])], final: final([], ['x']) })).toEqual(['session read backwards'])
    expect(broken({ steps: [readList(0, ['x', 'y']), readList(0, ['x'])], final: final([], ['x', 'y']) })).toEqual(['session read backwards'])
  })

  it('lets another session be behind, and an answer that says of itself that it is', () => {
    expect(check({ steps: [write(0, 'a', 1), read(1, 0, null)], final: final(['a'], []) })).toEqual([])
    expect(check({ steps: [write(0, 'a', 1), read(0, 0, null, { stale: true })], final: final(['a'], []) })).toEqual([])
  })

  it('goes on from what was seen before a stale answer', () => {
    expect(broken({ steps: [write(0, 'a', 1), read(0, 0, null, { stale: true }), read(0, 0, null)], final: final(['a'], []) })).toEqual(['session read backwards'])
  })

  it('notices a read of what was rolled back or lost', () => {
    expect(broken({ steps: [read(0, 1, 'z')], final: final(['a'], []) })).toEqual(['read of what was never written'])
    expect(broken({ steps: [readList(0, ['x', 'z'])], final: final([], ['x', 'y']) })).toEqual(['read of what was never written'])
  })

  it('notices a write whose outcome nobody ever learned', () => {
    expect(broken({ steps: [step(0, { kind: 'append', id: 'x' }, null)], final: final([], ['x']) })).toEqual(['outcome never known'])
    // A read that was refused harms nothing.
    expect(check({ steps: [step(0, { kind: 'readList' }, null)], final: final([], []) })).toEqual([])
  })

  it('notices an error that says neither yes nor "try again", a request that hung, and staleness when all is well', () => {
    expect(broken({ steps: [append(0, 'x', 1, { unexpected: ['25006 cannot execute INSERT'] })], final: final([], ['x']) })).toEqual(['error that no client can handle'])
    expect(broken({ steps: [append(0, 'x', 1, { overrunMs: 60_000 })], final: final([], ['x']) })).toEqual(['request past its deadline'])
    expect(broken({ steps: [readList(0, [], { stale: true, afterwards: true })], final: final([], []) })).toEqual(['stale without need'])
    expect(broken({ steps: [step(0, { kind: 'readList' }, null, { afterwards: true })], final: final([], []) })).toEqual(['error that no client can handle'])
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
    const values = Array.from({ length: 8 }, (_, client) => plan.actions(client)).flatMap(next => Array.from({ length: 200 }, next)).flatMap(action => action.kind === 'write' ? [action.value] : action.kind === 'append' ? [action.id] : [])
    expect(new Set(values).size).toBe(values.length)
  })

  it('draws every kind of fault in twenty seeds', () => {
    const kinds = new Set(Array.from({ length: 20 }, (_, seed) => generate({ seed: seed + 1, seconds: 2 })).flatMap(plan => plan.moments.flatMap(({ faults }) => faults.map(({ kind }) => kind))))
    expect([...kinds].sort()).toEqual(['cut commits', 'delay', 'failover', 'freeze pgbouncer', 'freeze primary', 'freeze replica', 'kill primary', 'kill replica', 'lag', 'reset', 'restart pgbouncer', 'wire'])
  })
})
