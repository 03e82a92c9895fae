/**
 * Routes for simulated vehicles: hand-made polylines between real places of Berlin and Brandenburg, bent a
 * little like roads, driven with smooth speeds, stops at lights and breaks. Pure: the same seed and second
 * give the same place, so that a demo can be resumed at any moment.
 */
export interface Place { latitude: number, longitude: number }

export interface DrivenFix extends Place {
  speedKmh: number
  courseDegrees: number
  ignition: boolean
}

const towns: Record<string, Place> = {
  berlin: { latitude: 52.52, longitude: 13.405 },
  spandau: { latitude: 52.5351, longitude: 13.1983 },
  potsdam: { latitude: 52.3989, longitude: 13.0657 },
  oranienburg: { latitude: 52.7545, longitude: 13.2369 },
  bernau: { latitude: 52.6797, longitude: 13.5871 },
  strausberg: { latitude: 52.5786, longitude: 13.8886 },
  koepenick: { latitude: 52.4453, longitude: 13.5745 },
  koenigsWusterhausen: { latitude: 52.2976, longitude: 13.6263 },
  ludwigsfelde: { latitude: 52.3, longitude: 13.2667 },
  nauen: { latitude: 52.6066, longitude: 12.8774 },
  werder: { latitude: 52.3788, longitude: 12.9342 },
  brandenburg: { latitude: 52.4125, longitude: 12.5316 },
  fuerstenwalde: { latitude: 52.36, longitude: 14.0619 },
  eberswalde: { latitude: 52.8337, longitude: 13.8196 },
  luckenwalde: { latitude: 52.0903, longitude: 13.1677 },
  neuruppin: { latitude: 52.9244, longitude: 12.8092 },
  tegel: { latitude: 52.583, longitude: 13.2903 },
  tempelhof: { latitude: 52.4675, longitude: 13.3862 },
  zossen: { latitude: 52.2167, longitude: 13.45 },
  erkner: { latitude: 52.4244, longitude: 13.7509 },
}

const tours: string[][] = [
  ['berlin', 'tempelhof', 'ludwigsfelde', 'potsdam', 'spandau', 'berlin'],
  ['tegel', 'oranienburg', 'bernau', 'strausberg', 'berlin', 'tegel'],
  ['koepenick', 'erkner', 'fuerstenwalde', 'koenigsWusterhausen', 'tempelhof', 'koepenick'],
  ['spandau', 'nauen', 'brandenburg', 'werder', 'potsdam', 'spandau'],
  ['bernau', 'eberswalde', 'oranienburg', 'tegel', 'berlin', 'bernau'],
  ['zossen', 'luckenwalde', 'ludwigsfelde', 'tempelhof', 'koenigsWusterhausen', 'zossen'],
  ['neuruppin', 'nauen', 'spandau', 'tegel', 'oranienburg', 'neuruppin'],
  ['berlin', 'strausberg', 'fuerstenwalde', 'erkner', 'koepenick', 'berlin'],
]

/** Metres in a degree of latitude. */
const metresPerDegree = 111_320

/** One leg of a route: driven, or stood. */
interface Segment {
  startsAt: number
  seconds: number
  from: number
  metres: number
  topKmh: number
}

export interface Route {
  /** Where the vehicle is at this many seconds since the epoch. It goes round and round. */
  at(epochSeconds: number): DrivenFix
}

/** A small seeded generator (mulberry32): good enough for scenery, and the same everywhere. */
function random(seed: number) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The route of the vehicle with this number. */
export function makeRoute(number: number): Route {
  const chance = random(number * 7919 + 17)
  const path = bend(tours[number % tours.length]!.map(name => towns[name]!), chance)
  const lengths = cumulative(path)
  const total = lengths.at(-1)!
  const segments = schedule(total, chance)
  const period = segments.at(-1)!.startsAt + segments.at(-1)!.seconds
  const shift = Math.floor(chance() * period)

  return {
    at(epochSeconds) {
      const second = (epochSeconds + shift) % period
      const segment = segments.findLast(({ startsAt }) => startsAt <= second)!
      const share = segment.seconds === 0 ? 1 : (second - segment.startsAt) / segment.seconds
      // Smoothstep: pulls away and brakes softly; its derivative is the speed.
      const driven = segment.from + segment.metres * share * share * (3 - 2 * share)
      const speedKmh
        = segment.metres === 0 ? 0 : ((3.6 * segment.metres) / segment.seconds) * 6 * share * (1 - share)
      const { place, courseDegrees } = locate(path, lengths, Math.min(driven, total - 0.01))
      return {
        ...place,
        courseDegrees,
        speedKmh: Math.round(speedKmh * 10) / 10,
        ignition: segment.metres > 0 || segment.seconds < 300,
      }
    },
  }
}

/** Midpoints pushed aside, three times over: straight lines become something like roads. */
function bend(corners: Place[], chance: () => number): Place[] {
  let path = corners.map(({ latitude, longitude }) => ({
    latitude: latitude + (chance() - 0.5) * 0.02,
    longitude: longitude + (chance() - 0.5) * 0.03,
  }))
  path[path.length - 1] = path[0]!
  for (let round = 0, push = 0.12; round < 3; round++, push /= 2) {
    path = path.flatMap((place, index) => {
      const next = path[index + 1]
      if (!next) return [place]
      const aside = (chance() - 0.5) * push
      return [place, {
        latitude: (place.latitude + next.latitude) / 2 + (next.longitude - place.longitude) * aside,
        longitude: (place.longitude + next.longitude) / 2 - (next.latitude - place.latitude) * aside,
      }]
    })
  }
  return smooth(smooth(path))
}

/** Chaikin's corner cutting. */
function smooth(path: Place[]): Place[] {
  const mix = (a: Place, b: Place, share: number) => ({
    latitude: a.latitude + (b.latitude - a.latitude) * share,
    longitude: a.longitude + (b.longitude - a.longitude) * share,
  })
  return [
    path[0]!,
    ...path
      .slice(1)
      .flatMap((place, index) => [mix(path[index]!, place, 0.25), mix(path[index]!, place, 0.75)]),
    path.at(-1)!,
  ]
}

function cumulative(path: Place[]): number[] {
  let sum = 0
  return path.map((place, index) => index === 0 ? 0 : (sum += distance(path[index - 1]!, place)))
}

/** Flat-earth metres: good to a fraction of a per cent over a few kilometres. */
export function distance(a: Place, b: Place): number {
  const x = (b.longitude - a.longitude) * Math.cos(a.latitude * Math.PI / 180)
  return Math.hypot(x, b.latitude - a.latitude) * metresPerDegree
}

/** Stretches of a few kilometres between lights, with a longer break now and then. */
function schedule(total: number, chance: () => number): Segment[] {
  const segments: Segment[] = []
  let at = 0
  let from = 0
  while (from < total) {
    const metres = Math.min(total - from, 400 + chance() * (chance() < 0.4 ? 9_000 : 1_800))
    const topKmh = metres > 3_000 ? 80 + chance() * 30 : 35 + chance() * 25
    // The mean of a smoothstep is two thirds of its top.
    const seconds = Math.ceil(metres / (topKmh / 3.6 * 2 / 3))
    segments.push({ startsAt: at, seconds, from, metres, topKmh })
    at += seconds
    from += metres
    const pause = chance() < 0.08 ? 300 + chance() * 900 : 5 + chance() * 40
    segments.push({
      startsAt: at,
      seconds: Math.round(pause),
      from: Math.min(from, total),
      metres: 0,
      topKmh: 0,
    })
    at += Math.round(pause)
  }
  return segments
}

function locate(path: Place[], lengths: number[], metres: number) {
  let low = 0
  let high = lengths.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (lengths[middle]! <= metres) low = middle
    else high = middle
  }
  const [a, b] = [path[low]!, path[high]!]
  const share = (metres - lengths[low]!) / (lengths[high]! - lengths[low]! || 1)
  const x = (b.longitude - a.longitude) * Math.cos(a.latitude * Math.PI / 180)
  return {
    place: {
      latitude: a.latitude + (b.latitude - a.latitude) * share,
      longitude: a.longitude + (b.longitude - a.longitude) * share,
    },
    courseDegrees: Math.round(((Math.atan2(x, b.latitude - a.latitude) * 180) / Math.PI + 360) % 360),
  }
}
