import { describe, expect, it } from 'vitest'
import { correctTime, type Clock } from '#server/fleet/ingest/clock.ts'
import { metresBetween } from '#server/fleet/ingest/judge.ts'

const start = Date.UTC(2026, 10, 30, 12)
const minute = 60_000
const unknown: Clock = { offsetMs: null, run: null }

/** Messages one after another: by how much each is ahead of its receipt, and when that was. */
function said(messages: [aheadMs: number, receivedMs: number][], clock = unknown) {
  return messages.map(([ahead, received]) => {
    const timed = correctTime(new Date(start + received + ahead), new Date(start + received), clock)
    clock = timed.clock
    return { by: timed.time.getTime() - (start + received), ahead: timed.ahead, offset: clock.offsetMs }
  })
}

describe('the clock of a device', () => {
  it('is right within minutes, and a fix that was kept is taken as it is', () => {
    expect(said([[4 * minute, 0], [-86_400_000, 1_000]])).toEqual([
      { by: 4 * minute, ahead: false, offset: null }, { by: -86_400_000, ahead: false, offset: null },
    ])
  })
  it('is put right at the third message in a row that is ahead by the same, by quarters of an hour', () => {
    const hour = 60 * minute
    const four = said([[hour + 2_000, 0], [hour - 3_000, 10_000], [hour + 1_000, 20_000], [hour, 30_000]])
    expect(four).toEqual([
      { by: hour + 2_000, ahead: true, offset: null },
      { by: hour - 3_000, ahead: true, offset: null },
      { by: 1_000, ahead: false, offset: hour },
      { by: 0, ahead: false, offset: hour },
    ])
  })
  it('is not put right by one message that comes three times', () => {
    const at = new Date(start + 60 * minute)
    let clock = unknown
    for (let n = 0; n < 5; n++) ({ clock } = correctTime(at, new Date(start + n * 1_000), clock))
    expect(clock.offsetMs).toBeNull()
  })
  it('is not put right by messages that are ahead by different times', () => {
    expect(said([[60 * minute, 0], [90 * minute, 1_000], [120 * minute, 2_000]]).map(({ ahead }) => ahead))
      .toEqual([true, true, true])
  })
  it('that is known to be ahead is so for fixes that were kept, until it is right again', () => {
    const known: Clock = { offsetMs: 60 * minute, run: null }
    const four = said([[30 * minute, 0], [-120 * minute, 1_000], [0, 2_000], [-30 * minute, 3_000]], known)
    expect(four).toEqual([
      { by: -30 * minute, ahead: false, offset: 60 * minute },
      { by: -180 * minute, ahead: false, offset: 60 * minute },
      { by: 0, ahead: false, offset: null },
      { by: -30 * minute, ahead: false, offset: null },
    ])
  })
  it('that missed one or two GPS week rollovers is told of them; any other old time is taken as it is', () => {
    const rollover = 7_168 * 86_400_000
    expect(said([[-rollover, 0], [-2 * rollover - minute, 0], [-rollover + 400 * 86_400_000, 0]])
      .map(({ by }) => by)).toEqual([0, -minute, -rollover + 400 * 86_400_000])
  })
  it('that cannot be read stays so', () => {
    expect(correctTime(new Date(Number.NaN), new Date(start), unknown).time.getTime()).toBeNaN()
  })
})

it('the distance across the 180th meridian is the short one', () => {
  const [west, east] = [179.9999, -179.9999].map(longitude => ({ latitude: -17, longitude }))
  expect(Math.round(metresBetween(west!, east!))).toBe(21)
})
