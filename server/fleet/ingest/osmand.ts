import { InvalidInputError } from '#shared/errors.ts'
import {
  createAttributes,
  createReader,
  eventsOf,
  guess,
  rawOf,
  readTimestamp,
  toBoolean,
  toNumber,
  type DeviceMessage,
} from './message.ts'

/**
 * The names by which trackers and their templates call each field, in lower case; the first is the one of the
 * protocol, and the first that is there is read.
 */
const aliases = {
  id: ['id', 'deviceid', 'device_id', 'uniqueid', 'unique_id', 'imei'],
  latitude: ['lat', 'latitude'],
  longitude: ['lon', 'lng', 'long', 'longitude'],
  location: ['location'],
  time: ['timestamp', 'time', 'datetime', 'fixtime', 'utc'],
  speed: ['speed', 'spd'],
  course: ['bearing', 'heading', 'course', 'direction'],
  altitude: ['altitude', 'alt', 'ele', 'elevation'],
  accuracy: ['accuracy', 'acc', 'hacc'],
  hdop: ['hdop'],
  satellites: ['satellites', 'sat', 'sats'],
  battery: ['batt', 'battery', 'bat', 'batterylevel'],
  charge: ['charge', 'charging'],
  ignition: ['ignition', 'acc'],
  valid: ['valid'],
} as const

/** What is read above or below under a name of its own, and becomes no attribute as it stands. */
const known = new Set<string>([...Object.values(aliases).flat(), 'cell', 'wifi'])

/**
 * The OsmAnd protocol: query parameters, or the same as a form or as the fields of a JSON object. The Traccar
 * Client up to 7.9 and from 10 on, OsmAnd itself, GPSLogger, and most trackers that can be told an address.
 * @throws {InvalidInputError} when it says no id.
 */
export function parseOsmand(parameters: URLSearchParams, now: Date): DeviceMessage {
  const said = new Map<string, string>()
  for (const [name, value] of parameters) {
    const lower = name.trim().toLowerCase()
    if (!said.has(lower)) said.set(lower, value)
  }
  const one = (field: keyof typeof aliases) =>
    aliases[field].map(name => said.get(name)).find(value => value !== undefined)
  const identifier = aliases.id.map(name => said.get(name)?.trim()).find(Boolean)
  if (!identifier)
    throw new InvalidInputError([{ path: 'id', message: 'is required: the identifier of the device' }])

  const reader = createReader()
  const { values: attributes, add } = createAttributes()
  const battery = reader.battery('the battery', one('battery'))
  add('battery', battery.percent)
  add('batteryVolts', battery.volts)
  add('charge', reader.boolean('charge', one('charge')))
  // Trackers call their ignition line ACC; apps call their accuracy that.
  const acc = said.get('acc')
  const accIsIgnition = acc !== undefined && /[a-z]/i.test(acc) && toBoolean(acc) !== undefined
  const accuracy = said.get('accuracy') ?? said.get('hacc') ?? (accIsIgnition ? undefined : acc)
  add('ignition', reader.boolean('ignition', said.get('ignition') ?? (accIsIgnition ? acc : undefined)))
  const valid = reader.boolean('valid', one('valid'))
  add('valid', valid)
  const satellites = reader.satellites('the number of satellites', one('satellites'))
  add('satellites', satellites)
  const hdop = reader.hdop('hdop', one('hdop'))
  add('hdop', hdop)
  add('cells', list(parameters, 'cell', ([mcc, mnc, lac, cid, dbm]) => ({
    mcc: Number(mcc),
    mnc: Number(mnc),
    lac: Number(lac),
    cid: Number(cid),
    ...(dbm ? { dbm: Number(dbm) } : {}),
  })))
  add('wifi', list(parameters, 'wifi', ([mac, dbm]) => ({ mac, ...dbm ? { dbm: Number(dbm) } : {} })))
  for (const [name, value] of parameters) if (!known.has(name.trim().toLowerCase())) add(name, guess(value))

  const speed = reader.notNegative('the speed', one('speed'))
  return {
    identifiers: [identifier],
    place: placeOf(one('latitude'), one('longitude'), one('location')),
    fixTime: readTimestamp(one('time'), now),
    speed: speed === null ? null : { value: speed, unit: 'device' },
    courseDegrees: reader.course('the course', one('course')),
    altitudeMetres: reader.number('the altitude', one('altitude')),
    accuracyMetres: reader.notNegative('the accuracy', accuracy),
    attributes,
    receiver: { valid, satellites, hdop },
    battery,
    events: eventsOf(attributes),
    notes: reader.notes,
    protocol: 'osmand',
    raw: rawOf(Object.fromEntries(parameters)),
  }
}

/**
 * A place is never guessed: what cannot be read is NaN. Empty fields say no place, as trackers without a fix
 * send them.
 */
function placeOf(
  lat: string | undefined,
  lon: string | undefined,
  location: string | undefined,
): DeviceMessage['place'] {
  if (!lat?.trim() && !lon?.trim()) {
    if (!location?.trim()) return null
    // Four parts are two decimal commas: nobody knows which of them divides the numbers.
    const parts = location.split(',')
    if (parts.length !== 2) return { latitude: Number.NaN, longitude: Number.NaN }
    return { latitude: toNumber(parts[0]), longitude: toNumber(parts[1]) }
  }
  return { latitude: toNumber(lat), longitude: toNumber(lon) }
}

function list<T>(parameters: URLSearchParams, name: string, read: (parts: string[]) => T): T[] | null {
  const all = parameters.getAll(name).filter(Boolean).slice(0, 20).map(text => read(text.split(',')))
  return all.length ? all : null
}
