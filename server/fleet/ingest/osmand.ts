import { InvalidInputError } from '#shared/errors.ts'
import { createAttributes, guess, optionalNumber, rawOf, toNumber, type DeviceMessage } from './message.ts'

/** Where seconds end and milliseconds begin: the last second of 32-bit time. Traccar's rule. */
const lastSecond = 2_147_483_647

const known = new Set([
  'id',
  'deviceid',
  'lat',
  'lon',
  'location',
  'timestamp',
  'speed',
  'bearing',
  'heading',
  'altitude',
  'accuracy',
  'batt',
  'charge',
  'cell',
  'wifi',
  'valid',
])

/**
 * The OsmAnd protocol: query parameters, or the same as a form. The Traccar Client up to 7.9 and from 10 on,
 * OsmAnd itself, and most trackers that can be told an address.
 * @throws {InvalidInputError} when it says no id.
 */
export function parseOsmand(parameters: URLSearchParams, now: Date): DeviceMessage {
  const one = (name: string) => parameters.get(name) ?? undefined
  const identifier = (one('id') ?? one('deviceid'))?.trim()
  if (!identifier)
    throw new InvalidInputError([{ path: 'id', message: 'is required: the identifier of the device' }])

  const { values: attributes, add } = createAttributes()
  add('battery', optionalNumber(one('batt')))
  const charge = one('charge')
  if (charge !== undefined) add('charge', charge === 'true' || charge === '1')
  const valid = one('valid')
  if (valid !== undefined) add('valid', valid === 'true' || valid === '1')
  add(
    'cells',
    list(parameters, 'cell', ([mcc, mnc, lac, cid, dbm]) => ({
      mcc: Number(mcc),
      mnc: Number(mnc),
      lac: Number(lac),
      cid: Number(cid),
      ...(dbm ? { dbm: Number(dbm) } : {}),
    })),
  )
  add('wifi', list(parameters, 'wifi', ([mac, dbm]) => ({ mac, ...dbm ? { dbm: Number(dbm) } : {} })))
  for (const [name, value] of parameters) if (!known.has(name)) add(name, guess(value))

  const speed = optionalNumber(one('speed'))
  return {
    identifiers: [identifier],
    place: placeOf(one('lat'), one('lon'), one('location')),
    fixTime: readTimestamp(one('timestamp'), now),
    speed: speed === null ? null : { value: speed, unit: 'device' },
    courseDegrees: optionalNumber(one('bearing') ?? one('heading')),
    altitudeMetres: optionalNumber(one('altitude')),
    accuracyMetres: optionalNumber(one('accuracy')),
    attributes,
    raw: rawOf(Object.fromEntries(parameters)),
  }
}

function placeOf(
  lat: string | undefined,
  lon: string | undefined,
  location: string | undefined,
): DeviceMessage['place'] {
  if (location !== undefined) {
    const [latitude, longitude] = location.split(',')
    return { latitude: toNumber(latitude), longitude: toNumber(longitude) }
  }
  return lat === undefined && lon === undefined ? null : { latitude: toNumber(lat), longitude: toNumber(lon) }
}

/**
 * Seconds, milliseconds, ISO 8601, or `yyyy-MM-dd HH:mm:ss` in UTC; missing: now. NaN where it is none of
 * them.
 */
export function readTimestamp(text: string | undefined, now: Date): Date {
  if (text === undefined || text === '') return now
  if (/^\d{1,16}$/.test(text)) {
    const number = Number(text)
    return new Date(number < lastSecond ? number * 1000 : number)
  }
  const plain = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})$/.exec(text)
  if (plain) return new Date(`${plain[1]}T${plain[2]}Z`)
  // Without an offset ECMAScript would take local time; devices mean UTC.
  if (text.includes('T')) return new Date(/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`)
  return new Date(Number.NaN)
}

function list<T>(parameters: URLSearchParams, name: string, read: (parts: string[]) => T): T[] | null {
  const all = parameters.getAll(name).filter(Boolean).slice(0, 20).map(text => read(text.split(',')))
  return all.length ? all : null
}
