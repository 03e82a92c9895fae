import type { Position } from '#shared/vehicles.ts'

const metresPerDegree = 111_320
const halfHourMs = 1_800_000

/**
 * Degrees of longitude from `from` to `to`, the short way round: -180 up to 180. The 180th meridian is a line
 * like any other.
 */
export function longitudeStep(from: number, to: number): number {
  const step = (to - from) % 360
  return step > 180 ? step - 360 : step < -180 ? step + 360 : step
}

/**
 * Metres between two places: flat-earth, good to a fraction of a per cent over the few hundred metres between
 * two fixes.
 */
export function metresBetween(a: Position, b: Position): number {
  const x = longitudeStep(a.longitude, b.longitude) * Math.cos((a.latitude + b.latitude) / 2 * Math.PI / 180)
  return Math.hypot(x, b.latitude - a.latitude) * metresPerDegree
}

/**
 * Whoever stands still wanders by this much all the same. A move that stays within it of the last place that
 * was counted is none, and a day of parking is no drive: 24 h with a fix a second that lie 5 m apart
 * (standard deviation) come to 0 m with 30 m, to 53 m with 25 and to 163 km with 15; a real drive of 13.7 km
 * with a fix a second loses 0.5 % at its corners.
 */
const wanderingMetres = 30

/**
 * Where each fix lies for a map that draws lines: longitudes that go on past 180 instead of leaping to the
 * other edge.
 */
export function unwrapped(track: Position[]): [longitude: number, latitude: number][] {
  let longitude = track[0]?.longitude ?? 0
  return track.map((position, index) => {
    if (index) longitude += longitudeStep(track[index - 1]!.longitude, position.longitude)
    return [longitude, position.latitude]
  })
}

/** The same for places in no order: all of them on the side of the globe where they lie closest together. */
export function sideBySide(
  places: { longitude: number, latitude: number }[],
): [longitude: number, latitude: number][] {
  const sorted = places.map(({ longitude }) => longitude).sort((a, b) => a - b)
  // The widest stretch with nobody in it is where the map's edge belongs.
  let edge = -180
  let widest = sorted.length ? sorted[0]! + 360 - sorted.at(-1)! : 0
  for (let index = 1; index < sorted.length; index++) {
    const gap = sorted[index]! - sorted[index - 1]!
    if (gap > widest) [widest, edge] = [gap, sorted[index]!]
  }
  return places.map(({ longitude, latitude }) => [longitude < edge ? longitude + 360 : longitude, latitude])
}

export interface TrackSummary {
  metres: number
  topKmh: number | null
  halfHours: { from: string, metres: number, topKmh: number | null }[]
}

/**
 * Distance and top speed of a track, in all and by half hours. Distance is what was driven: standing still
 * adds nothing, see `wanderingMetres`.
 */
export function summarise(track: Position[]): TrackSummary {
  const halfHours = new Map<number, { from: string, metres: number, topKmh: number | null }>()
  const summary: TrackSummary = { metres: 0, topKmh: null, halfHours: [] }
  /** Up to here the distance has been counted. */
  let counted = track[0]
  track.forEach((position) => {
    const start = Math.floor(new Date(position.fixTime).getTime() / halfHourMs) * halfHourMs
    const part = halfHours.get(start) ?? { from: new Date(start).toISOString(), metres: 0, topKmh: null }
    halfHours.set(start, part)
    const away = metresBetween(counted!, position)
    const step = away > Math.max(wanderingMetres, position.accuracyMetres ?? 0) ? away : 0
    if (step) counted = position
    for (const sum of [summary, part]) {
      sum.metres += step
      if (position.speedKmh !== null) sum.topKmh = Math.max(sum.topKmh ?? 0, position.speedKmh)
    }
  })
  summary.halfHours = [...halfHours.values()]
  return summary
}
