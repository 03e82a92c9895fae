import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { awaitFirstAnswer, type Guard } from '#server/database/guard.ts'
import type { Connection } from '#server/database/pool.ts'

beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: ['setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'performance'],
    }),
)
afterEach(() => void vi.useRealTimers())

/** After how many milliseconds a server that says nothing is left, to tens. */
function patienceOf(connection: Partial<Connection>): number {
  let fired = false
  const guard: Guard = {
    fired: false,
    excuse: null,
    passedOver: false,
    fire: () => void (fired = true),
    clear() {},
  }
  const whole = {
    silentMs: 0,
    othersAnswered: () => false,
    undecided: () => false,
    ...connection,
  } as Connection
  awaitFirstAnswer(whole, guard, { firstAnswerMs: 1_000, limit: 5_000, queues: false })
  for (let ms = 0; ms <= 5_000; ms += 10) {
    if (fired) return ms
    vi.advanceTimersByTime(10)
  }
  return Infinity
}

describe('the wait for a server\'s first answer', () => {
  it('is as long as it may be for whoever had a connection at once, or stood in line with others being answered', () => {
    expect(patienceOf({ silentMs: 0 })).toBeCloseTo(1_000, -2)
  })

  it('counts the silence in which somebody has stood in line, and leaves a moment for an answer that is near', () => {
    expect(patienceOf({ silentMs: 400 })).toBeCloseTo(600, -2)
    expect(patienceOf({ silentMs: 1_500 })).toBeCloseTo(300, -2)
  })

  it('goes on for as long as it may be the pooler that stands still', () => {
    let decided = false
    setInterval(() => {
      decided = true
    }, 2_000)
    expect(patienceOf({ silentMs: 1_500, undecided: () => !decided })).toBeGreaterThanOrEqual(2_000)
  })
})
