import type { SpeedUnit } from '#shared/devices.ts'
import type { Doubt } from '#shared/device-messages.ts'
import type { DeviceMessage } from './message.ts'

const kmhPerKnot = 1.852

/** Kilometres an hour in one of each unit. */
const kmh: Record<SpeedUnit, number> = { kn: kmhPerKnot, kmh: 1, mps: 3.6, mph: 1.609344 }

/** Kilometres an hour in one of the unit. */
export const kmhIn = (unit: SpeedUnit): number => kmh[unit]

/**
 * After 1999: GPS receivers without a fix say 1980 or 1999. Under 25 h ahead: a clock set to local time is
 * off by up to 14 h.
 */
const earliest = Date.UTC(2000, 0, 1)
const furthestAheadMs = 25 * 3_600_000

/**
 * The deepest trench's depth with room below sea level to above where airliners fly; 869 kn is Concorde's
 * cruising speed with room. Traccar's bounds.
 */
const altitude = { least: -12_262, most: 18_000 }
const maxSpeedKmh = 869 * kmhPerKnot

/** A fix with everything in its unit. */
export interface Fix {
  fixTime: Date
  latitude: number
  longitude: number
  speedKmh: number | null
  courseDegrees: number | null
  altitudeMetres: number | null
  accuracyMetres: number | null
  attributes: Record<string, unknown>
  /** Null: it is believed. */
  credibility: Doubt | null
  /** Why it is doubted, or what was corrected in it or left out. Null: nothing. */
  reason: string | null
}

/** What is wrong with a point, in words that stay the same: a label of the metric. */
export type Fault = 'time' | 'latitude' | 'longitude' | 'speed' | 'course' | 'altitude' | 'refused'

/**
 * Turns a message at a place into a fix, or says why it cannot be one, and what would be right. Bad points
 * are quarantined, not refused: a device that gets an error stops and sends the same point again for ever.
 * @param fixTime that of the message, or what it is after the device's clock was corrected.
 */
export function toFix(
  message: DeviceMessage,
  place: { latitude: number, longitude: number },
  unit: SpeedUnit,
  now: Date,
  fixTime = message.fixTime,
): Fix | { fault: Fault, reason: string } {
  const { speed, courseDegrees, altitudeMetres, accuracyMetres, attributes } = message
  const time = fixTime.getTime()
  const speedKmh = speed && (speed.unit === 'kmh' ? speed.value : speed.value * kmh[unit])
  const checks: [ok: boolean, fault: Fault, reason: string][] = [
    [!Number.isNaN(time), 'time', 'the time cannot be read; seconds since 1970 or ISO 8601 would be right'],
    [time >= earliest, 'time', 'the time is before the year 2000'],
    [time <= now.getTime() + furthestAheadMs, 'time', 'the time is more than 25 hours ahead'],
    [
      !Number.isNaN(place.latitude),
      'latitude',
      'the latitude cannot be read; degrees with a decimal point, such as 52.5163, would be right',
    ],
    [
      !Number.isNaN(place.longitude),
      'longitude',
      'the longitude cannot be read; degrees with a decimal point, such as 13.3777, would be right',
    ],
    [within(place.latitude, -90, 90), 'latitude', 'the latitude is not between -90 and 90'],
    [within(place.longitude, -180, 180), 'longitude', 'the longitude is not between -180 and 180'],
    [
      speedKmh === null || within(speedKmh, 0, maxSpeedKmh),
      'speed',
      'the speed is not between 0 and 869 knots',
    ],
    [
      courseDegrees === null || within(courseDegrees, 0, 360),
      'course',
      'the course is not between 0 and 360 degrees',
    ],
    [
      altitudeMetres === null || within(altitudeMetres, altitude.least, altitude.most),
      'altitude',
      'the altitude is out of bounds',
    ],
  ]
  for (const [ok, fault, reason] of checks) if (!ok) return { fault, reason }
  return {
    fixTime,
    latitude: place.latitude,
    longitude: place.longitude,
    attributes,
    speedKmh: toReal(speedKmh),
    courseDegrees: toReal(courseDegrees),
    altitudeMetres: toReal(altitudeMetres),
    accuracyMetres:
      accuracyMetres !== null && within(accuracyMetres, 0, 10_000_000) ? toReal(accuracyMetres) : null,
    credibility: null,
    reason: null,
  }
}

/**
 * Thousandths, finer than any receiver says. A single-precision column refuses what is too small for it
 * (1e-50), and takes all of these.
 */
function toReal(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000
}

/** NaN is within nothing. */
function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}
