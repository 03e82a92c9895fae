import type { ClockRun } from './state.ts'

const minuteMs = 60_000

/** Clocks differ by seconds, and a message is under way for some; past a few minutes the clock is wrong. */
export const aheadLimitMs = 5 * minuteMs

/** Two messages that are ahead by the same: what networks delay is less. */
const sameMs = 2 * minuteMs

/** As many in a row show that the clock is wrong by a constant, and not that one message is. */
const runLength = 3

/** A clock that shows local time for UTC is wrong by a number of these. */
const quarterMs = 15 * minuteMs

/**
 * GPS counts weeks in ten bits: a receiver that has not been told of a rollover is 1,024 weeks (7,168 days)
 * early, or twice that.
 */
const rolloverMs = 1_024 * 7 * 86_400_000

/** A receiver behind a rollover may have kept its fixes this long; who says an older time may mean it. */
const keptMs = 180 * 86_400_000

/** What is known of a device's clock. */
export interface Clock {
  /** By how much it is ahead, all the time. Null: it is right, or nothing is known. */
  offsetMs: number | null
  /** Messages in a row that were ahead by the same, while that is not known yet. */
  run: ClockRun | null
}

export interface Timed {
  time: Date
  /** It is ahead of its receipt, and nothing is known that would correct it. */
  ahead: boolean
  /** What was corrected, in words. Null: nothing. */
  note: string | null
  clock: Clock
}

/**
 * The time of a fix with the clock's error taken out, where that is certain. A fix cannot come from the
 * future, so a clock that is ahead is noticed; one that is behind looks like fixes that were kept.
 */
export function correctTime(said: Date, receivedAt: Date, clock: Clock): Timed {
  const time = said.getTime()
  const received = receivedAt.getTime()
  if (Number.isNaN(time)) return { time: said, ahead: false, note: null, clock }
  for (const weeks of [1, 2]) {
    const corrected = time + weeks * rolloverMs
    if (corrected > received - keptMs && corrected <= received + aheadLimitMs)
      return {
        time: new Date(corrected),
        ahead: false,
        note: `the time was ${weeks * 1_024} weeks early (a GPS week rollover); `
          + `${weeks * 7_168} days were added`,
        clock,
      }
  }
  const ahead = time - received
  if (clock.offsetMs !== null) {
    // The clock has been put right.
    if (Math.abs(ahead) <= sameMs) return { time: said, ahead: false, note: null, clock: noError }
    if (ahead <= clock.offsetMs + sameMs) return corrected(time, clock.offsetMs)
  }
  if (ahead <= aheadLimitMs) return { time: said, ahead: false, note: null, clock: { ...clock, run: null } }
  const run = nextRun(clock.run, time, ahead)
  if (run.count < runLength) return { time: said, ahead: true, note: null, clock: { ...clock, run } }
  const quarters = Math.round(ahead / quarterMs) * quarterMs
  return corrected(time, Math.abs(ahead - quarters) <= sameMs ? quarters : ahead)
}

const noError: Clock = { offsetMs: null, run: null }

/** The same message sent again is not another one. */
function nextRun(run: ClockRun | null, time: number, ahead: number): ClockRun {
  const goesOn = run !== null && Math.abs(ahead - run.aheadMs) <= sameMs
  if (goesOn && time <= run.time) return run
  return { aheadMs: ahead, time, count: goesOn ? run.count + 1 : 1 }
}

function corrected(time: number, offsetMs: number): Timed {
  return {
    time: new Date(time - offsetMs),
    ahead: false,
    note: `the clock of the device is ${durationOf(offsetMs)} ahead; that was taken off`,
    clock: { offsetMs, run: null },
  }
}

/** `2 h 30 min`, `12 min`. */
export function durationOf(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / minuteMs)
  const [days, hours, rest] = [Math.floor(minutes / 1_440), Math.floor(minutes / 60) % 24, minutes % 60]
  return [days && `${days} d`, hours && `${hours} h`, rest && `${rest} min`].filter(Boolean).join(' ')
    || 'less than a minute'
}
