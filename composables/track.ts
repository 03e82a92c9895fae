import type { Position } from '#shared/schemas/vehicles.ts'

const metresPerDegree = 111_320
const halfHourMs = 1_800_000

/** Metres between two places: flat-earth, good to a fraction of a per cent over the few hundred metres between two fixes. */
export function metresBetween(a: Position, b: Position): number {
  const x = (b.longitude - a.longitude) * Math.cos((a.latitude + b.latitude) / 2 * Math.PI / 180)
  return Math.hypot(x, b.latitude - a.latitude) * metresPerDegree
}

export interface TrackSummary {
  metres: number
  topKmh: number | null
  halfHours: { from: string, metres: number, topKmh: number | null }[]
}

/** Distance and top speed of a track, in all and by half hours. */
export function summarise(track: Position[]): TrackSummary {
  const halfHours = new Map<number, { from: string, metres: number, topKmh: number | null }>()
  const summary: TrackSummary = { metres: 0, topKmh: null, halfHours: [] }
  track.forEach((position, index) => {
    const start = Math.floor(new Date(position.fixTime).getTime() / halfHourMs) * halfHourMs
    const part = halfHours.get(start) ?? { from: new Date(start).toISOString(), metres: 0, topKmh: null }
    halfHours.set(start, part)
    const step = index ? metresBetween(track[index - 1]!, position) : 0
    for (const sum of [summary, part]) {
      sum.metres += step
      if (position.speedKmh !== null) sum.topKmh = Math.max(sum.topKmh ?? 0, position.speedKmh)
    }
  })
  summary.halfHours = [...halfHours.values()]
  return summary
}
