import type { Doubt } from '#shared/device-messages.ts'
import type { VehicleKind } from '#shared/vehicles.ts'
import type { Fix } from './bounds.ts'
import { durationOf } from './clock.ts'
import type { Receiver } from './message.ts'
import type { Point } from './state.ts'

/**
 * What each kind can do on its own wheels, in km/h: above what any of its kind is driven at, because what is
 * beyond it is doubted. Something else may fly: 869 kn, the bound of every speed.
 */
const fastestKmh: Record<VehicleKind, number> = {
  car: 300, van: 220, truck: 180, bus: 200, trailer: 180, motorcycle: 320, machine: 150, other: 1_610,
}

/** A place that is further off than this tells no street and no village: it is a radio cell's. */
const worstAccuracyMetres = 1_000

/**
 * Langley, "Dilution of precision" (GPS World, 1999): above 20 measurements are off by as much as 300 m and
 * should be discarded.
 */
const worstHdop = 20

/** Two fixes may be off by so much, beside what they say of their accuracy: a leap under a bridge. */
const slackMetres = 100

const earthMetres = 6_371_008.8

/** Metres between two places, by the great circle; across the 180th meridian as anywhere. */
export function metresBetween(
  a: { latitude: number, longitude: number },
  b: { latitude: number, longitude: number },
): number {
  const radians = Math.PI / 180
  const half = (degrees: number) => Math.sin(degrees * radians / 2) ** 2
  const h = half(b.latitude - a.latitude)
    + Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * half(b.longitude - a.longitude)
  return 2 * earthMetres * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** What a fix says against itself. Null: nothing. */
export function doubtOf(
  fix: Pick<Fix, 'latitude' | 'longitude' | 'accuracyMetres' | 'fixTime'>,
  { receiver, borrowed, ahead, receivedAt }:
  { receiver: Receiver | undefined, borrowed: boolean, ahead: boolean, receivedAt: Date },
): { credibility: Doubt, reason: string } | null {
  const { valid = null, satellites = null, hdop = null } = receiver ?? {}
  if (borrowed)
    return { credibility: 'outdated', reason: 'the message has no place; it is shown at the last one' }
  if (valid === false) return { credibility: 'no-fix', reason: 'the device says that it has no fix' }
  if (fix.latitude === 0 && fix.longitude === 0 && !satellites)
    return {
      credibility: 'no-fix',
      reason: 'the place is 0, 0 without satellites: what receivers say that have no fix',
    }
  if (ahead) {
    const by = durationOf(fix.fixTime.getTime() - receivedAt.getTime())
    return {
      credibility: 'clock-ahead',
      reason: `the time is ${by} after the receipt; a clock set to UTC would be right`,
    }
  }
  if (fix.accuracyMetres !== null && fix.accuracyMetres > worstAccuracyMetres)
    return {
      credibility: 'inaccurate',
      reason: `the accuracy is ${Math.round(fix.accuracyMetres)} m; up to ${worstAccuracyMetres} m is used`,
    }
  if (hdop !== null && hdop > worstHdop)
    return { credibility: 'inaccurate', reason: `hdop is ${hdop}; up to ${worstHdop} is used` }
  return null
}

/** A fix that is to be compared with its neighbours; `verdict` is what comes of it. */
export interface Candidate extends Point {
  /** Null: it is believed. Set here. */
  doubt: { credibility: Doubt, reason: string } | null
}

export interface Compared {
  last: Point | null
  waiting: Point | null
  /** The place that had been waiting when this began: believed now, or finally not. Null: it waits on. */
  settled: { point: Point, believed: boolean } | null
}

/**
 * Compares fixes that are newer than the last credible place with their neighbours, the oldest first. One
 * that was reached faster than the vehicle can go waits for the next: it is believed if it can be left again
 * at a speed that the vehicle can do, and else it is too fast both in and out. Sets their doubts.
 */
export function compareNewer(
  candidates: Candidate[],
  { last, waiting }: { last: Point | null, waiting: Point | null },
  kind: VehicleKind | null,
): Compared {
  /** The one that waits, where it is one of these. */
  let own: Candidate | null = null
  let settled: Compared['settled'] = null
  const settle = (believed: boolean) => {
    if (!waiting) return
    if (own) own.doubt = believed ? null : tooFast(own.doubt!.reason.replace(untilNext, bothWays))
    else settled = { point: waiting, believed }
    waiting = own = null
  }
  for (const one of [...candidates].sort((a, b) => a.time - b.time)) {
    if (waiting && one.time === waiting.time) {
      // The same message again.
      one.doubt = tooFast(`${speedText(last!, one)}${untilNext}`)
      continue
    }
    // One that is older than the one that waits is not what that one waits for.
    const settles = waiting === null || one.time > waiting.time
    const confirms = waiting !== null && settles && isPossible(waiting, one, kind)
    if (last && !isPossible(last, one, kind) && !confirms) {
      one.doubt = tooFast(`${speedText(last, one)}${untilNext}`)
      if (!settles) continue
      settle(false)
      waiting = own = one
      continue
    }
    if (settles) settle(confirms)
    last = one
  }
  return { last, waiting, settled }
}

/**
 * A fix that comes after newer ones, between its neighbours: not believed where it is too fast from the one
 * and to the other.
 */
export function compareLate(
  { before, after }: { before: Point | null, after: Point | null },
  one: Candidate,
  kind: VehicleKind | null,
): void {
  if (!before || !after || isPossible(before, one, kind) || isPossible(one, after, kind)) return
  one.doubt = tooFast(`${speedText(before, one)}${bothWays}`)
}

const untilNext = '; the next fix has not confirmed it'
const bothWays = ', and as fast to the next'

function tooFast(reason: string): { credibility: Doubt, reason: string } {
  return { credibility: 'implausible', reason }
}

function speedText(from: Point, to: Point): string {
  const kilometres = metresBetween(from, to) / 1000
  const seconds = Math.abs(to.time - from.time) / 1000
  return `${Math.round(kilometres).toLocaleString('en')} km from the fix before in `
    + `${Math.round(seconds).toLocaleString('en')} s is faster than the vehicle can go`
}

function isPossible(a: Point, b: Point, kind: VehicleKind | null): boolean {
  const seconds = Math.abs(b.time - a.time) / 1000
  const metres = metresBetween(a, b) - slackMetres - (a.accuracyMetres ?? 0) - (b.accuracyMetres ?? 0)
  return metres <= seconds * fastestKmh[kind ?? 'other'] / 3.6
}
