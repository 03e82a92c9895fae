import { describe, expect, it } from 'vitest'
import type {
  Attempt,
  FinalState,
  History,
  Operation,
  Position,
  Read,
  Stream,
  Write,
} from './history.ts'
import { longestWait, percentile, secondsWithout } from './judge/availability.ts'
import { wrongAlerts } from './judge/alerts.ts'
import { judge, type Budget } from './judge/judge.ts'

/**
 * Histories made by hand. A judge that has never condemned proves nothing: each kind of violation is shown to
 * it once, beside the nearest thing that is none.
 */

const budget: Budget = {
  writesWaitSeconds: 3,
  readsWaitSeconds: 3,
  failedReads: 0,
  failedWrites: 0,
  repeatedWrites: 0,
  wholeSeconds: 20,
}

const answered = (
  startedAt: number,
  endedAt: number,
  status: number,
  more: Partial<Attempt> = {},
): Attempt => ({
  startedAt,
  endedAt,
  status,
  instance: 'app1',
  staleSeconds: null,
  requestId: null,
  error: null,
  ...more,
})
const base = { session: 'u1', organisation: 'o1', outcome: 'done' as const }

const read = (at: number, saw: Record<string, number> = {}, more: Partial<Read> = {}): Read => ({
  ...base,
  kind: 'read',
  startedAt: at,
  endedAt: at + 10,
  attempts: [answered(at, at + 10, 200)],
  saw,
  ...more,
})
const update = (at: number, value: string, version: number, more: Partial<Write> = {}): Write => ({
  ...base,
  kind: 'update',
  startedAt: at,
  endedAt: at + 20,
  attempts: [answered(at, at + 20, 200)],
  vehicle: 'v1',
  value,
  version,
  ...more,
})
const create = (at: number, value: string, vehicle: string, more: Partial<Write> = {}): Write => ({
  ...update(at, value, 1),
  kind: 'create',
  vehicle,
  ...more,
})
const point = (at: number, fixTime: string, more: Partial<Position> = {}): Position => ({
  ...base,
  session: 'd1',
  kind: 'position',
  startedAt: at,
  endedAt: at + 10,
  attempts: [answered(at, at + 10, 200)],
  device: 'd1',
  vehicle: 'v9',
  fixTime,
  ...more,
})
const stream = (events: Stream['events'], more: Partial<Stream> = {}): Stream => ({
  session: 'u1',
  organisation: 'o1',
  connections: [{ askedAt: 0, openedAt: 1, closedAt: null, resumedFrom: null }],
  events,
  ...more,
})
const changed = (at: number, id: string, change = 'updated', eventId = `${at}-0`) => ({
  at,
  id: eventId,
  name: 'changed' as const,
  change: { type: 'vehicle', id, change },
})

/** Five seconds of a day on which all goes well: the fault at 1 s, healed at 2 s, whole at 3 s. */
function history(operations: Operation[], streams: Stream[] = [stream([])]): History {
  return {
    scenario: 'test',
    beganAt: '2026-11-24T00:00:00Z',
    streams,
    operations: [
      read(100),
      read(4_000),
      update(100, 'quiet', 1, { vehicle: 'v0', organisation: 'elsewhere' }),
      ...operations,
    ],
    marks: [
      { at: 1_000, name: 'fault', detail: '' },
      { at: 2_000, name: 'healed', detail: '' },
      { at: 3_000, name: 'whole', detail: '' },
      { at: 5_000, name: 'end', detail: '' },
    ],
  }
}
const state = (
  applied: Record<string, number> = {},
  versions: Record<string, number> = {},
  positions: string[] = [],
): FinalState => ({ applied: { quiet: 1, ...applied }, versions: { v0: 1, v1: 100, ...versions }, positions })
const verdict = (
  operations: Operation[],
  final = state(),
  streams?: Stream[],
  changes: Partial<Budget> = {},
) => judge(history(operations, streams), final, { ...budget, ...changes })

describe('the judge of the drills', () => {
  it('acquits a day on which all went well', () => {
    const told = stream([
      changed(1_225, 'v1'),
      changed(1_325, 'v2', 'created'),
      { at: 1_410, id: '3-0', name: 'positions', points: ['v9 t1'] },
    ])
    const { violations, figures } = verdict(
      [update(1_200, 'a', 2), read(1_230, { v1: 2 }), create(1_300, 'b', 'v2'), point(1_400, 't1')],
      state({ a: 1, b: 1 }, { v1: 2, v2: 1 }, ['d1 t1']),
      [told],
    )
    expect(violations).toEqual([])
    expect(figures).toMatchObject({
      lost: 0,
      doubled: 0,
      backwards: 0,
      sessionsLost: 0,
      eventsMissed: 0,
      failedReads: 0,
      failedWrites: 0,
      secondsUntilWhole: 1,
    })
  })
  it('finds a job that was asked for and not done, and one that had its effect twice', () => {
    const asked = ['done', 'failed', 'gone', 'doubled', 'too soon'].map(id => ({ id, session: 'u1', askedAt: 1 }))
    const jobs = {
      'done': { state: 'done', effects: 1 },
      'failed': { state: 'failed', effects: 0 },
      'doubled': { state: 'done', effects: 2 },
      'too soon': { state: 'running', effects: 1 },
    }
    const { figures, violations } = judge({ ...history([]), jobs: asked }, { ...state(), jobs }, budget)
    expect(figures).toMatchObject({ jobsUndone: 3, jobsDoubled: 2 })
    expect(violations).toContainEqual(
      '3 jobs that were asked for and not done: failed of u1 is failed; gone of u1 is gone; too soon of u1 is running',
    )
    expect(violations).toContainEqual(expect.stringContaining('doubled of u1, done, had its effect 2 times'))
    const fine = judge({ ...history([]), jobs: asked.slice(0, 1) }, { ...state(), jobs }, budget)
    expect(fine.violations).toEqual([])
  })
  it('finds a PostgreSQL that fills with connections', () => {
    expect(
      judge({ ...history([]), maxBackends: { node: 'patroni1', count: 180 } }, state(), budget).violations,
    ).toContainEqual(expect.stringMatching(/^connections to patroni1 at once: 180, allowed 100/))
    expect(
      judge({ ...history([]), maxBackends: { node: 'patroni1', count: 60 } }, state(), budget).violations,
    ).toEqual([])
  })
  it('refuses to judge where there was no load', () => {
    expect(judge({ ...history([]), operations: [], streams: [] }, state(), budget).violations).toContain(
      'there was no load to judge by',
    )
  })

  describe('of acknowledged writes', () => {
    it.each([
      ['a change that is in no audit entry', [update(1_200, 'a', 2)], state()],
      ['a creation that is not there', [create(1_200, 'b', 'v2')], state()],
      [
        'a vehicle that has fallen behind the acknowledged version',
        [update(1_200, 'a', 7)],
        state({ a: 1 }, { v1: 6 }),
      ],
      ['a point that is not stored', [point(1_200, 't1')], state({}, {}, ['d1 t0'])],
    ])('finds lost: %s', (_, operations, final) => {
      expect(verdict(operations, final, [stream([], { organisation: 'another' })])).toMatchObject({
        figures: { lost: 1 },
        violations: [expect.stringMatching(/^1 acknowledged writes lost/)],
      })
    })
    it('finds an answer "nothing was changed" to a change that is there, and none where it is not', () => {
      const refused = update(1_200, 'a', 2, {
        outcome: 'failed',
        version: null,
        attempts: [answered(1_200, 1_210, 0), answered(1_300, 1_400, 503, { saysUnchanged: true })],
      })
      expect(verdict([refused], state({ a: 1 })).violations).toContainEqual(
        expect.stringMatching(/^1 answers "nothing was changed" that are untrue: update "a"/),
      )
      expect(verdict([refused]).violations.join()).not.toMatch(/untrue/)
    })
    it('does not count as lost what was never acknowledged', () => {
      expect(verdict([update(1_200, 'a', 2, { outcome: 'failed', version: null })]).figures.lost).toBe(0)
    })
    it.each([
      ['acknowledged', 'done' as const],
      ['never acknowledged', 'failed' as const],
    ])('finds one that was applied twice, %s', (_, outcome) => {
      expect(verdict([update(1_200, 'a', 2, { outcome })], state({ a: 2 })).violations).toContainEqual(
        expect.stringMatching(/^1 writes applied twice: update "a" 2 times/),
      )
    })
  })

  describe('of sessions', () => {
    it('finds a look that does not show the session\'s own change', () => {
      expect(
        verdict([update(1_200, 'a', 5), read(1_300, { v1: 4 })], state({ a: 1 })).violations,
      ).toContainEqual(expect.stringMatching(/^1 reads older than what the session had seen/))
    })
    it('finds a look that shows less than an earlier look, and one that no longer finds a vehicle', () => {
      expect(
        verdict([read(1_200, { v1: 5 }), read(1_300, { v1: 4 }), read(1_400, { v1: 0 })]).figures.backwards,
      ).toBe(2)
    })
    it('does not mix sessions, nor looks that were under way at the same time', () => {
      expect(
        verdict([read(1_200, { v1: 5 }), read(1_300, { v1: 4 }, { session: 'u2' }), read(1_205, { v1: 4 })])
          .figures.backwards,
      ).toBe(0)
    })
    it('goes by when the answering attempt was sent, not by when the person clicked', () => {
      const repeated = read(
        1_000,
        { v1: 4 },
        { endedAt: 1_500, attempts: [answered(1_000, 1_100, 503), answered(1_400, 1_500, 200)] },
      )
      expect(verdict([read(1_200, { v1: 5 }), repeated]).figures.backwards).toBe(1)
    })
    it('counts an old answer that says how old it is apart, and lets it pass', () => {
      const { violations, figures } = verdict([
        read(1_200, { v1: 5 }),
        read(1_300, { v1: 4 }, { attempts: [answered(1_300, 1_310, 200, { staleSeconds: 3 })] }),
      ])
      expect(figures).toMatchObject({ backwards: 0, staleMarked: 1 })
      expect(violations).toEqual([])
    })
    it('finds a session that was told 401, once for each', () => {
      const refused = (at: number, session: string) =>
        read(at, {}, { session, outcome: 'failed', attempts: [answered(at, at + 5, 401)] })
      expect(
        verdict([refused(1_200, 'u1'), refused(1_300, 'u1'), refused(1_300, 'u2')]).figures.sessionsLost,
      ).toBe(2)
    })
    it('counts a look at what an event had told of that did not find it', () => {
      expect(verdict([read(1_200, { v5: 0 }, { kind: 'follow' })]).figures.eventsAhead).toBe(1)
    })
  })

  describe('of live events', () => {
    it.each([
      ['a creation', create(1_200, 'b', 'v2'), state({ b: 1 }, { v2: 1 })],
      ['an update', update(1_200, 'a', 2), state({ a: 1 })],
      ['a point', point(1_200, 't1'), state({}, {}, ['d1 t1'])],
    ])(
      'finds %s that nobody told of, and accepts a resync after it, but none before it',
      (_, operation, final) => {
        const resync = (at: number) => [stream([{ at, id: '', name: 'resync' }])]
        expect(verdict([operation], final).figures.eventsMissed).toBe(1)
        expect(verdict([operation], final, resync(1_100)).figures.eventsMissed).toBe(1)
        expect(verdict([operation], final, resync(1_900)).figures.eventsMissed).toBe(0)
      },
    )
    it('takes a point for told when its vehicle was shown at a later one, but not at an earlier one', () => {
      const shown = (fixTime: string) => [
        stream([{ at: 1_900, id: '3-0', name: 'positions' as const, points: [`v9 ${fixTime}`] }]),
      ]
      const final = state({}, {}, ['d1 2026-11-24T10:00:05Z'])
      const operation = point(1_200, '2026-11-24T10:00:05Z')
      expect(verdict([operation], final, shown('2026-11-24T10:00:06Z')).figures.eventsMissed).toBe(0)
      expect(verdict([operation], final, shown('2026-11-24T10:00:04Z')).figures.eventsMissed).toBe(1)
    })
    it('counts updates of one vehicle: two changes and one event are one missed; the same event twice is one', () => {
      const changes = [update(1_200, 'a', 2), update(1_300, 'b', 3)]
      const final = state({ a: 1, b: 1 })
      expect(verdict(changes, final, [stream([changed(1_225, 'v1')])]).figures.eventsMissed).toBe(1)
      expect(
        verdict(changes, final, [
          stream([changed(1_225, 'v1', 'updated', '7-0'), changed(1_325, 'v1', 'updated', '7-0')]),
        ]).figures.eventsMissed,
      ).toBe(1)
      expect(
        verdict(changes, final, [stream([changed(1_225, 'v1'), changed(1_325, 'v1')])]).figures.eventsMissed,
      ).toBe(0)
    })
    it('wants the event of a change that was committed though never acknowledged', () => {
      const unknown = update(1_200, 'a', 2, { outcome: 'failed', version: null })
      expect(verdict([unknown], state({ a: 1 })).figures.eventsMissed).toBe(1)
      expect(verdict([unknown], state({})).figures.eventsMissed).toBe(0)
    })
    it('asks nothing of another organisation\'s stream, nor for what came before it opened, and everything of one that never opened', () => {
      const final = state({ a: 1 })
      expect(
        verdict([update(1_200, 'a', 2)], final, [stream([], { organisation: 'o2' })]).figures.eventsMissed,
      ).toBe(0)
      expect(
        verdict([update(1_200, 'a', 2)], final, [
          stream([], { connections: [{ askedAt: 0, openedAt: 1_300, closedAt: null, resumedFrom: null }] }),
        ]).figures.eventsMissed,
      ).toBe(0)
      expect(
        verdict([update(1_200, 'a', 2)], final, [
          stream([], { connections: [{ askedAt: 0, openedAt: null, closedAt: 50, resumedFrom: null }] }),
        ]).violations,
      ).toContainEqual(expect.stringContaining('the stream never opened'))
    })
  })

  describe('of failures and waiting', () => {
    const waited = update(1_200, 'a', 2, {
      endedAt: 3_200,
      attempts: [answered(1_200, 1_300, 503), answered(2_000, 2_100, 0), answered(3_100, 3_200, 200)],
    })
    const told = [stream([changed(3_300, 'v1')])]
    it('counts a keyed change that was sent again and succeeded as waited, not as failed', () => {
      const { violations, figures } = verdict([waited], state({ a: 1 }), told, { repeatedWrites: null })
      expect(figures).toMatchObject({
        failedWrites: 0,
        repeatedWrites: 2,
        repeated: { '503': 1, 'no answer': 1 },
        longestWrite: 2,
      })
      expect(violations).toEqual([])
    })
    it('but not where nobody may notice anything', () => {
      expect(verdict([waited], state({ a: 1 }), told).violations).toContainEqual(
        'writes that the browser had to repeat (1x 503, 1x no answer): 2, allowed 0',
      )
    })
    it('finds a look that failed, a change for which patience ended or the scenario did, and a point that was refused', () => {
      const failed = { outcome: 'failed' as const }
      const { violations } = verdict([
        read(1_200, {}, { ...failed, attempts: [answered(1_200, 1_300, 502)] }),
        update(1_200, 'a', 2, { ...failed, attempts: [answered(1_200, 1_300, 500)] }),
        update(1_300, 'b', 3, { outcome: 'unfinished' }),
        point(1_200, 't1', { ...failed, attempts: [answered(1_200, 1_300, 404)] }),
      ])
      expect(violations).toEqual(
        expect.arrayContaining([
          'reads failed (1x read 502): 1, allowed 0',
          'writes failed (1x update 500): 2, allowed 0',
          '1 points of devices refused',
        ]),
      )
    })
    it('finds a wait over the budget, and adds what the machine needed before the fault', () => {
      const slow = (at: number, ms: number) =>
        read(at, {}, { endedAt: at + ms, attempts: [answered(at, at + ms, 200)] })
      expect(verdict([slow(1_100, 3_400)]).violations).toContainEqual(
        expect.stringMatching(/^longest wait for a read, seconds: 3.4/),
      )
      expect(verdict([slow(200, 600), slow(1_100, 3_400)]).violations).toEqual([])
    })
    it('finds what did not become whole, or too late', () => {
      const never = history([])
      never.marks = never.marks.filter(({ name }) => name !== 'whole')
      expect(judge(never, state(), budget).violations).toContain('it did not become whole again')
      expect(verdict([], state(), undefined, { wholeSeconds: 0.5 }).violations).toEqual([
        'seconds until whole again: 1, allowed 0.5',
      ])
    })
  })
})

describe('seconds without', () => {
  const all = { from: 0, to: 10_000 }
  it('is the longest time between two that were served in which somebody waited', () => {
    expect(secondsWithout([read(0), read(1_000, {}, { endedAt: 6_000 }), read(6_500)], all)).toBe(5)
  })
  it('begins where the waiting begins, not where the last one was served', () => {
    expect(secondsWithout([read(0), read(9_000, {}, { endedAt: 9_500 })], all)).toBe(0.5)
  })
  it('does not end with one that failed, and counts up to the end', () => {
    expect(
      secondsWithout(
        [
          read(1_000, {}, { outcome: 'failed', endedAt: 2_000 }),
          read(4_000, {}, { outcome: 'failed', endedAt: 10_000 }),
        ],
        all,
      ),
    ).toBe(9)
  })
})

it('percentiles and the longest wait count what was under way in the time, by the whole wait of the person', () => {
  const operations = Array.from({ length: 100 }, (_, n) =>
    read(1_000 + n, {}, { endedAt: 1_000 + n + n + 1 }),
  )
  expect(percentile(operations, 0.99, { from: 0, to: 5_000 })).toBe(99)
  expect(percentile(operations, 0.5, { from: 0, to: 5_000 })).toBe(50)
  expect(percentile(operations, 0.99, { from: 3_000, to: 5_000 })).toBeNull()
  expect(longestWait(operations, { from: 0, to: 5_000 })).toBe(0.1)
})

describe('the alerts of a scenario', () => {
  const firing = (alert: string, severity: 'critical' | 'warning' | 'info') => ({
    alert,
    severity,
    at: 1,
    overAt: null,
  })
  const failover = firing('PostgresFailover', 'info')
  const late = firing('PostgresDown', 'warning')

  it('are exactly those that its row names, and perhaps those that it leaves open', () => {
    const row = { alerts: ['PostgresFailover'], perhaps: ['PostgresDown'] }
    expect(wrongAlerts(row, [failover])).toEqual([])
    expect(wrongAlerts(row, [failover, late])).toEqual([])
    expect(wrongAlerts(row, [late])).toEqual(['the alert PostgresFailover did not fire'])
    expect(wrongAlerts({ alerts: ['PostgresFailover'] }, [failover, late])).toEqual([
      'the alert PostgresDown (warning) fired',
    ])
    expect(wrongAlerts({ alerts: [] }, [failover])).toEqual(['the alert PostgresFailover (info) fired'])
  })

  it('are none above info where its row names none', () => {
    expect(wrongAlerts({}, [failover])).toEqual([])
    expect(wrongAlerts({}, [firing('NodeDown', 'warning')])).toEqual(['the alert NodeDown (warning) fired'])
  })
})
