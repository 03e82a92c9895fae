import { describe, expect, it } from 'vitest'
import { createGate } from '#server/database/gate.ts'
import { momentIn } from '#server/telemetry/context.ts'

const soon = () => new Promise(resolve => setTimeout(resolve, 5))

describe('the gate before the primary', () => {
  it('lets everybody through while it answers, however many at once', async () => {
    const gate = createGate(3, () => 0)
    const passages = await Promise.all(Array.from({ length: 50 }, () => gate.enter(momentIn(60_000))))
    expect(gate.waiting()).toBe(0)
    for (const passage of passages) passage.answered(1)
  })

  it('holds the rest back once a BEGIN is unanswered for long, and lets all through at the first answer', async () => {
    let now = 0
    const gate = createGate(3, () => now)
    const scouts = await Promise.all([1, 2, 3].map(() => gate.enter(momentIn(60_000))))
    now = 1_000
    let through = 0
    const held = Array.from({ length: 20 }, () => gate.enter(momentIn(60_000)).then(() => through++))
    await soon()
    expect([gate.waiting(), through]).toEqual([20, 0])
    scouts[0]!.answered(1)
    await Promise.all(held)
    expect([gate.waiting(), through]).toEqual([0, 20])
  })

  it('sends another one ahead when one has ended without an answer', async () => {
    let now = 0
    const gate = createGate(3, () => now)
    const scouts = await Promise.all([1, 2, 3].map(() => gate.enter(momentIn(60_000))))
    now = 1_000
    let through = 0
    for (let n = 0; n < 5; n++) void gate.enter(momentIn(60_000)).then(() => through++)
    await soon()
    scouts[0]!.left()
    scouts[0]!.left()
    await soon()
    expect([gate.waiting(), through]).toEqual([4, 1])
  })

  it('keeps nobody past their time, nor who has gone', async () => {
    let now = 0
    const gate = createGate(3, () => now)
    for (let n = 0; n < 3; n++) await gate.enter(momentIn(60_000))
    now = 1_000
    const gone = new AbortController()
    const waiting = [gate.enter(momentIn(500)), gate.enter(momentIn(60_000), gone.signal)]
    await soon()
    expect(gate.waiting()).toBe(2)
    gone.abort()
    await Promise.all(waiting)
    expect(gate.waiting()).toBe(0)
  })
})
