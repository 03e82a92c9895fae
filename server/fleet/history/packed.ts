/**
 * A day of a device as one row: see `position_days`. A point is kept where leaving it out would show the
 * device further than `toleranceMetres` from where it was at that moment: a line that is straight loses its
 * points, a stop keeps its beginning and its end. (Libraries for simplifying lines look at places alone, and
 * lose how long a vehicle stood.)
 */

/** A believed position, as far as it is kept. */
export interface Kept {
  /** Milliseconds since 1970. */
  time: number
  latitude: number
  longitude: number
  speedKmh: number | null
  courseDegrees: number | null
  altitudeMetres: number | null
}

/** What a packed row has of its points. */
export interface Packed {
  offsets: number[]
  latitudes: number[]
  longitudes: number[]
  speeds: (number | null)[]
  courses: (number | null)[]
  altitudes: (number | null)[]
}

/** Half a street: what a map shows and what a report counts does not change. */
export const toleranceMetres = 10

/** A piece of so many points is simplified by itself: the worst case grows with the square of it. */
const mostAtOnce = 2_048

const millionth = 1e6
const earthMetres = 6_371_008.8
const radians = Math.PI / 180

/**
 * The points that are kept of a track, which must be in order of time. The fastest is always among them: top
 * speeds are read from it.
 */
export function simplify(points: readonly Kept[], tolerance = toleranceMetres): Kept[] {
  if (points.length <= 2) return [...points]
  const kept = new Set<number>()
  for (let start = 0; start < points.length; start += mostAtOnce) {
    simplifyPiece(points, start, Math.min(start + mostAtOnce, points.length) - 1, tolerance, kept)
  }
  let fastest = 0
  for (const [index, { speedKmh }] of points.entries())
    if ((speedKmh ?? -1) > (points[fastest]!.speedKmh ?? -1)) fastest = index
  kept.add(fastest)
  return points.filter((_, index) => kept.has(index))
}

/**
 * Douglas and Peucker's, with the distance to where the line is at the same moment (Meratnia and de By,
 * 2004).
 */
function simplifyPiece(
  points: readonly Kept[], from: number, to: number, tolerance: number, kept: Set<number>,
) {
  kept.add(from).add(to)
  const open: [number, number][] = [[from, to]]
  for (let span = open.pop(); span; span = open.pop()) {
    const [first, last] = span
    let worst = tolerance
    let at = -1
    for (let index = first + 1; index < last; index++) {
      const off = offLine(points[first]!, points[last]!, points[index]!)
      if (off > worst) [worst, at] = [off, index]
    }
    if (at === -1) continue
    kept.add(at)
    open.push([first, at], [at, last])
  }
}

/** Metres between a point and where the straight way from `a` to `b` is at the same moment. */
export function offLine(a: Kept, b: Kept, point: Kept): number {
  const share = b.time === a.time ? 0 : (point.time - a.time) / (b.time - a.time)
  return metresApart(point, {
    latitude: a.latitude + (b.latitude - a.latitude) * share,
    longitude: a.longitude + eastward(a.longitude, b.longitude) * share,
  })
}

/** Degrees to go east from one to the other, the short way: also across the 180th meridian. */
function eastward(from: number, to: number): number {
  const degrees = to - from
  return degrees > 180 ? degrees - 360 : degrees < -180 ? degrees + 360 : degrees
}

type Place = Pick<Kept, 'latitude' | 'longitude'>

/** On a plane through them: right to a thousandth within some kilometres. What is further off is far. */
function metresApart(a: Place, b: Place): number {
  const north = (b.latitude - a.latitude) * radians
  const east = eastward(a.longitude, b.longitude) * radians
    * Math.cos((a.latitude + b.latitude) / 2 * radians)
  return Math.hypot(north, east) * earthMetres
}

/** Metres along a track. */
export function lengthOf(points: readonly Place[]): number {
  return points.reduce((sum, point, n) => n === 0 ? 0 : sum + metresApart(points[n - 1]!, point), 0)
}

const bounded = (value: number | null, factor: number) =>
  value === null ? null : Math.max(-32_768, Math.min(32_767, Math.round(value * factor)))

/** Points of one day, as they are stored. */
export function pack(points: readonly Kept[], day: number): Packed {
  return {
    offsets: points.map(({ time }) => time - day),
    latitudes: points.map(({ latitude }) => Math.round(latitude * millionth)),
    longitudes: points.map(({ longitude }) => Math.round(longitude * millionth)),
    speeds: points.map(({ speedKmh }) => bounded(speedKmh, 10)),
    courses: points.map(({ courseDegrees }) => bounded(courseDegrees, 1)),
    altitudes: points.map(({ altitudeMetres }) => bounded(altitudeMetres, 1)),
  }
}

/** The points of a packed row. */
export function unpack(
  { offsets, latitudes, longitudes, speeds, courses, altitudes }: Packed, day: number,
): Kept[] {
  return offsets.map((offset, n) => ({
    time: day + offset,
    latitude: latitudes[n]! / millionth,
    longitude: longitudes[n]! / millionth,
    speedKmh: speeds[n] === null ? null : speeds[n]! / 10,
    courseDegrees: courses[n]!,
    altitudeMetres: altitudes[n]!,
  }))
}
