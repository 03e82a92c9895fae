import { describe, expect, it } from 'vitest'
import { endOfDay, startOfDay } from '../../composables/formatting.ts'
import { activityOf, newer, vehiclesOf, withChanges, type FleetVehicle } from '../../composables/vehicles/fleet.ts'
import { ageInWords } from '../../composables/api/freshness.ts'
import { reconnectWaitMs } from '../../composables/live/source.ts'
import { metresBetween, sideBySide, summarise, unwrapped } from '../../composables/vehicles/track.ts'
import { makeRoute } from '#server/fleet/demo/routes.ts'
import { laterToken } from '#shared/consistency.ts'
import type { LivePosition } from '#shared/vehicles.ts'

const at = (fixTime: string, more: Partial<LivePosition> = {}): LivePosition => ({
  vehicleId: 'v',
  fixTime,
  receivedAt: fixTime,
  latitude: 52,
  longitude: 13,
  speedKmh: 50,
  courseDegrees: 0,
  altitudeMetres: null,
  accuracyMetres: null,
  attributes: {},
  ...more,
})

describe('a day', () => {
  it.each([
    ['2026-11-24', 'UTC', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24', 'Europe/Berlin', '2026-11-23T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'],
    ['2026-11-24', 'America/New_York', '2026-11-24T05:00:00.000Z'],
    ['2026-11-24', 'Asia/Kathmandu', '2026-11-23T18:15:00.000Z'],
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['2026-10-26', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
    ['2026-11-24', 'Pacific/Kiritimati', '2026-11-23T10:00:00.000Z'],
  ])('%s begins in %s at %s', (day, zone, moment) => {
    expect(startOfDay(day, zone).toISOString()).toBe(moment)
  })
  it.each([
    ['2026-03-29', 23], ['2026-10-25', 25], ['2026-11-24', 24], ['2026-12-31', 24], ['2028-02-29', 24],
  ])('%s in Berlin has %i hours', (day, hours) => {
    const length = endOfDay(day, 'Europe/Berlin').getTime() - startOfDay(day, 'Europe/Berlin').getTime()
    expect(length / 3_600_000).toBe(hours)
  })
})

describe('the live fleet', () => {
  it('never lets an older fix move a vehicle back', () => {
    const [old, young] = [at('2026-11-24T10:00:00.000Z'), at('2026-11-24T10:00:01.000Z')]
    expect(newer(young, old)).toBe(young)
    expect(newer(old, young)).toBe(young)
    expect(newer(null, old)).toBe(old)
  })
  it('tells moving, stopped, offline and unknown apart', () => {
    const now = new Date('2026-11-24T10:00:10Z').getTime()
    expect(activityOf(at('2026-11-24T10:00:00Z'), now)).toBe('moving')
    expect(activityOf(at('2026-11-24T10:00:00Z', { speedKmh: 2 }), now)).toBe('stopped')
    expect(activityOf(at('2026-11-24T09:00:00Z'), now)).toBe('offline')
    expect(activityOf(null, now)).toBe('unknown')
  })
  const van: FleetVehicle = {
    id: 'van', name: 'Van', registration: null, version: 3, position: at('2026-11-24T10:00:00.000Z'),
  }
  const changed = (id: string, change: 'created' | 'updated' | 'removed', version: number, name = 'Van') => ({
    type: 'vehicle' as const, id, change,
    vehicle: { name, registration: 'B-1', kind: 'van' as const, make: null, model: null, year: null, version },
  })
  const after = (...changes: ReturnType<typeof changed>[]) => withChanges([van], changes, new Map())
  it('is made of columns, and a vehicle without a position has none', () => {
    expect(vehiclesOf({
      id: ['a', 'b'], name: ['A', 'B'], registration: [null, 'B-2'], version: [1, 2],
      latitude: [null, 52.5], longitude: [null, 13.4], speedKmh: [null, null], courseDegrees: [null, 90],
      fixSeconds: [null, 1_790_000_000],
    })).toEqual([
      { id: 'a', name: 'A', registration: null, version: 1, position: null },
      {
        id: 'b', name: 'B', registration: 'B-2', version: 2,
        position: {
          latitude: 52.5, longitude: 13.4, speedKmh: null, courseDegrees: 90, fixTime: '2026-09-21T14:13:20.000Z',
        },
      },
    ])
  })
  it('takes what a younger event says of a vehicle, with its position as it was', () => {
    expect(after(changed('van', 'updated', 4, 'Lorry')))
      .toEqual([{ ...van, name: 'Lorry', registration: 'B-1', version: 4 }])
    expect(after(changed('van', 'removed', 4))).toEqual([])
    expect(after(changed('new', 'created', 1, 'Axle')).map(({ name, position }) => [name, position?.latitude]))
      .toEqual([['Axle', undefined], ['Van', 52]])
  })
  it('never goes back to what an overtaken event says, nor brings back what has gone', () => {
    expect(after(changed('van', 'updated', 3, 'Older'))).toEqual([van])
    expect(after(changed('van', 'removed', 2))).toEqual([van])
    expect(after(changed('van', 'removed', 5), changed('van', 'updated', 4))).toEqual([])
    expect(after(changed('new', 'removed', 2), changed('new', 'created', 1))).toEqual([van])
  })
  it('moves a vehicle by a younger position alone', () => {
    const moved = (fixTime: string) =>
      withChanges([van], [], new Map([['van', at(fixTime, { latitude: 1 })]]))[0]!.position!.latitude
    expect(moved('2026-11-24T10:00:01.000Z')).toBe(1)
    expect(moved('2026-11-24T09:59:59.000Z')).toBe(52)
  })
  it('sums up a track by half hours', () => {
    const summary = summarise([
      at('2026-11-24T10:00:00Z'),
      at('2026-11-24T10:10:00Z', { latitude: 52.01, speedKmh: 80 }),
      at('2026-11-24T10:40:00Z', { latitude: 52.02, speedKmh: null }),
    ])
    expect(summary.metres).toBeCloseTo(2226.4, 0)
    expect(summary.topKmh).toBe(80)
    expect(summary.halfHours.map(({ from }) => from)).toEqual([
      '2026-11-24T10:00:00.000Z',
      '2026-11-24T10:30:00.000Z',
    ])
    expect(summarise([])).toEqual({ metres: 0, topKmh: null, halfHours: [] })
  })
})

describe('a track', () => {
  const second = (n: number) => new Date(Date.UTC(2026, 10, 24) + n * 1_000).toISOString()
  /** Two numbers with mean 0 and standard deviation 1, the same in each run. */
  function* noise(seed: number) {
    const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
    for (;;) {
      const radius = Math.sqrt(-2 * Math.log(1 - next()))
      const angle = 2 * Math.PI * next()
      yield [radius * Math.cos(angle), radius * Math.sin(angle)] as const
    }
  }

  it('over the 180th meridian is as long as anywhere else, and is drawn without a line across the world', () => {
    const track = [
      at(second(0), { latitude: 0, longitude: 179.9999 }),
      at(second(1), { latitude: 0, longitude: -179.9999 }),
      at(second(2), { latitude: 0, longitude: -179.999 }),
    ]
    expect(metresBetween(track[0]!, track[1]!)).toBeCloseTo(22.264, 2)
    expect(summarise(track).metres).toBeCloseTo(122.452, 2)
    expect(unwrapped(track).map(([longitude]) => Number(longitude.toFixed(4)))).toEqual([
      179.9999, 180.0001, 180.001,
    ])
    expect(unwrapped([...track].reverse()).map(([longitude]) => Number(longitude.toFixed(4)))).toEqual([
      -179.999, -179.9999, -180.0001,
    ])
  })
  it('of 24 hours of parking with 5 m of drift is 0 m long', () => {
    const drift = noise(7)
    const parked = Array.from({ length: 86_400 }, (_, n) => {
      const [north, east] = drift.next().value!
      return at(second(n), {
        latitude: 52 + (north * 5) / 111_320,
        longitude: 13 + (east * 5) / (111_320 * Math.cos((52 * Math.PI) / 180)),
      })
    })
    expect(summarise(parked).metres).toBe(0)
  })
  it('of a slow drive with the same drift is about as long as the drive', () => {
    const drift = noise(7)
    // 20 km/h to the north for half an hour.
    const driven = Array.from({ length: 1_800 }, (_, n) => {
      const [north, east] = drift.next().value!
      return at(second(n), {
        latitude: 52 + (north * 5 + (n * 20) / 3.6) / 111_320,
        longitude: 13 + (east * 5) / (111_320 * Math.cos((52 * Math.PI) / 180)),
      })
    })
    expect(summarise(driven).metres / 10_000).toBeGreaterThan(0.97)
    expect(summarise(driven).metres / 10_000).toBeLessThan(1.05)
  })
})

describe('a fleet on both sides of the 180th meridian', () => {
  it('is shown together, and any other as it stands', () => {
    expect(
      sideBySide([
        { longitude: 179, latitude: 1 },
        { longitude: -179, latitude: 2 },
        { longitude: 175, latitude: 3 },
      ]),
    ).toEqual([
      [179, 1],
      [181, 2],
      [175, 3],
    ])
    expect(
      sideBySide([
        { longitude: 13, latitude: 52 },
        { longitude: -74, latitude: 41 },
      ]),
    ).toEqual([
      [13, 52],
      [-74, 41],
    ])
    expect(sideBySide([])).toEqual([])
  })
})

describe('a simulated route', () => {
  it('is the same at the same second, moves smoothly and stays where roads could be', () => {
    for (let number = 0; number < 60; number++) {
      const route = makeRoute(number)
      expect(route.at(1_800_000_000)).toEqual(makeRoute(number).at(1_800_000_000))
      let last = route.at(1_800_000_000)
      for (let second = 1; second < 600; second++) {
        const next = route.at(1_800_000_000 + second)
        // Nothing drives more than 60 m in a second.
        expect(
          Math.hypot(next.latitude - last.latitude, (next.longitude - last.longitude) * 0.6) * 111_320,
        ).toBeLessThan(60)
        expect(next.speedKmh).toBeLessThan(150)
        expect(next.latitude).toBeGreaterThan(51.8)
        expect(next.latitude).toBeLessThan(53.2)
        last = next
      }
    }
  })
})

describe('the live stream of a tab', () => {
  it('comes back after a second, later after at most fifteen, never at the same moment as all others', () => {
    expect([reconnectWaitMs(0, 0), reconnectWaitMs(0, 1)]).toEqual([500, 1_000])
    expect([reconnectWaitMs(2, 0), reconnectWaitMs(2, 1)]).toEqual([2_000, 4_000])
    expect([reconnectWaitMs(50, 0), reconnectWaitMs(50, 1)]).toEqual([7_500, 15_000])
  })
  it.each([
    [2, 'a moment ago'],
    [17, '15 seconds ago'],
    [61, 'a minute ago'],
    [3_599, '59 minutes ago'],
    [3_600, 'an hour ago'],
    [9_000, '2 hours ago'],
  ])('says %i s as "%s"', (seconds, words) => {
    expect(ageInWords(seconds)).toBe(words)
  })
  it('asks for what is at least as new as the latest commit it has been told of, in whatever order it was told', () => {
    const token = (timeline: number, lsn: number) => `7391.${timeline}.${lsn.toString(36)}.0.sig`
    expect(laterToken(token(1, 1_000), token(1, 999))).toBe(token(1, 1_000))
    expect(laterToken(token(1, 999), token(1, 1_000))).toBe(token(1, 1_000))
    // A failover begins a new timeline: its numbers may be smaller.
    expect(laterToken(token(1, 1_000), token(2, 900))).toBe(token(2, 900))
    expect(laterToken(token(2, 900), token(1, 1_000))).toBe(token(2, 900))
    // Another cluster, or a form that is not known: what came last.
    expect(laterToken('7391.1.a.0.sig', '7392.1.9.0.sig')).toBe('7392.1.9.0.sig')
    expect(laterToken('7391.1.a.0.sig', 'opaque')).toBe('opaque')
  })
})
