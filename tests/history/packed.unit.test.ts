import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  lengthOf, offLine, pack, simplify, toleranceMetres, unpack, type Kept,
} from '#server/fleet/history/packed.ts'

const seed = Number(process.env.HISTORY_SEED ?? randomInt(2 ** 31))
function randomOf(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const day = Date.UTC(2026, 4, 1)
function point(seconds: number, latitude: number, longitude: number, speedKmh: number | null = null): Kept {
  return {
    time: day + seconds * 1000, latitude, longitude, speedKmh, courseDegrees: null, altitudeMetres: null,
  }
}

/** Drives, stops, turns and gaps, at times across the 180th meridian. */
function drive(random: () => number, count: number): Kept[] {
  let [seconds, latitude, course, speed] = [0, random() * 120 - 60, 0, 0]
  let longitude = random() < 0.2 ? 179.99 : 13
  return Array.from({ length: count }, () => {
    const waited = random() < 0.02 ? 600 : 1 + Math.floor(random() * 15)
    seconds += waited
    if (random() < 0.1) speed = random() < 0.4 ? 0 : random() * 130
    if (random() < 0.3) course += (random() - 0.5) * 2
    const metres = speed / 3.6 * waited
    latitude += metres * Math.cos(course) / 111_195
    longitude += metres * Math.sin(course) / 111_195
    if (longitude > 180) longitude -= 360
    return point(seconds, latitude, longitude, Math.round(speed * 10) / 10)
  })
}

describe(`a day that is simplified, seed ${seed}`, () => {
  it.each(Array.from({ length: 40 }, (_, n) => n))(
    'shows the vehicle within 10 m of where it was, at the time of each position that was left out (%i)', (n) => {
      const random = randomOf(seed + n)
      const points = drive(random, 2 + Math.floor(random() * 5_000))
      const kept = simplify(points)
      expect(points).toEqual(expect.arrayContaining(kept))
      expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)])
      let after = 0
      for (const one of points) {
        while (kept[after]!.time < one.time) after++
        if (kept[after]!.time === one.time) continue
        expect(offLine(kept[after - 1]!, kept[after]!, one)).toBeLessThanOrEqual(toleranceMetres)
      }
      const top = (of: Kept[]) => Math.max(...of.map(({ speedKmh }) => speedKmh!))
      expect(top(kept)).toBe(top(points))
    })
})

it('an hour on a straight road is its two ends, and a stop in the middle keeps its beginning and its end', () => {
  const road = Array.from({ length: 361 }, (_, n) => point(n * 10, 52 + n * 0.001, 13))
  expect(simplify(road)).toEqual([road[0], road.at(-1)])
  const stop = road.map((one, n) => ({
    ...one, latitude: 52 + Math.min(n, 100) * 0.001 + Math.max(0, n - 200) * 0.001,
  }))
  expect(simplify(stop)).toEqual([stop[0], stop[100], stop[200], stop[360]])
})

it('what is packed is the same again, to 11 cm, a tenth of a km/h and the millisecond', () => {
  const points = [
    {
      time: day + 1, latitude: -89.9999994, longitude: -179.9999994,
      speedKmh: 1_609.95, courseDegrees: 359.6, altitudeMetres: -430.4,
    },
    {
      time: day + 86_399_999, latitude: 52.5200066, longitude: 13.404954,
      speedKmh: null, courseDegrees: null, altitudeMetres: null,
    },
  ]
  expect(unpack(pack(points, day), day)).toEqual([
    {
      time: day + 1, latitude: -89.999999, longitude: -179.999999,
      speedKmh: 1_610, courseDegrees: 360, altitudeMetres: -430,
    },
    { ...points[1], latitude: 52.520007, longitude: 13.404954 },
  ])
})

it('the length of a way is that of its pieces, also across the 180th meridian', () => {
  expect(lengthOf([point(0, 0, 179.999), point(1, 0, -179.999)])).toBeCloseTo(222.4, 0)
  expect(lengthOf([point(0, 52, 13)])).toBe(0)
})
