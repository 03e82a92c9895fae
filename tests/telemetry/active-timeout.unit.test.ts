import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { remainingMs } from '#server/telemetry/context.ts'

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
  // Node tells of the first one in a process, once.
  it('of a moment that has passed is none below 0: Node warns of no timer, and it ends at once', async () => {
    const warnings: string[] = []
    const note = ({ name }: Error) => warnings.push(name)
    process.on('warning', note)
    try {
      await new Promise<void>(resolve => setActiveTimeout(-142, resolve))
      await new Promise(resolve => setTimeout(resolve, remainingMs(-142)))
      await nextTurn()
    }
    finally {
      process.off('warning', note)
    }
    expect(warnings).toEqual([])
  })
})
