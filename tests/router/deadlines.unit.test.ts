import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGate } from '#server/database/gate.ts'
import {
  backgroundContext,
  momentIn,
  remainingMs,
  runInContext,
  withinLimit,
} from '#server/telemetry/context.ts'

const hourMs = 3_600_000

describe('a step of the wall clock', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  for (const [name, step] of [['forward', hourMs], ['back', -hourMs]] as const) {
    it(`${name} ends no request and extends none`, async () => {
      await runInContext(backgroundContext('test', 10), async () => {
        vi.setSystemTime(Date.now() + step)
        expect(remainingMs(60_000)).toBeGreaterThan(5_000)
        expect(remainingMs(60_000)).toBeLessThanOrEqual(10_000)
        await withinLimit(5_000, async () => {
          vi.setSystemTime(Date.now() + step)
          expect(remainingMs(60_000)).toBeGreaterThan(2_000)
          expect(remainingMs(60_000)).toBeLessThanOrEqual(5_000)
        })
      })
    })

    it(`${name} lets nobody past the gate before their time, and keeps nobody beyond it`, async () => {
      let now = 0
      const gate = createGate(3, () => now)
      for (let n = 0; n < 3; n++) await gate.enter(momentIn(60_000))
      now = 1_000
      let through = false
      const until = momentIn(200)
      vi.setSystemTime(Date.now() + step)
      const entering = gate.enter(until).then(() => through = true)
      await new Promise(resolve => setTimeout(resolve, 5))
      expect(through).toBe(false)
      await entering
    })
  }
})
