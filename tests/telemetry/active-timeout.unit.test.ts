import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'

describe('a time-out that counts turns of the event loop', () => {
  afterEach(() => vi.useRealTimers())

  it('ends after its time, once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const tooLate = vi.fn()
    setActiveTimeout(100, tooLate)
    vi.advanceTimersByTime(99)
    await nextTurn()
    expect(tooLate).not.toHaveBeenCalled()
    vi.advanceTimersByTime(200)
    await nextTurn()
    expect(tooLate).toHaveBeenCalledOnce()
  })
  // Called a second time, the monitor's wait would take somebody else's listener off its list.
  it('called off by an answer in its very last turn says nothing any more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const tooLate = vi.fn()
    const callOff = setActiveTimeout(100, tooLate)
    vi.advanceTimersByTime(100)
    callOff()
    await nextTurn()
    expect(tooLate).not.toHaveBeenCalled()
  })
})
