import { InvalidInputError } from '#shared/errors.ts'
import {
  createAttributes,
  createReader,
  eventsOf,
  rawOf,
  readTimestamp,
  toNumber,
  type DeviceMessage,
} from './message.ts'

type Json = Record<string, unknown>

const knownInLocation = new Set([
  'timestamp',
  'coords',
  'battery',
  'activity',
  'extras',
  'uuid',
  '_',
  'is_moving',
  'odometer',
  'event',
  'mock',
  'alarm',
])

/**
 * The JSON of the Traccar Client 9: a message for each location under `location`, which may be a list.
 * @param addressed the identifier of the address, for a body without one.
 * @throws {InvalidInputError} when it names no device, or when something in the list is no location: then
 * nothing of it is taken.
 */
export function parseTraccarClient(body: Json, addressed: string | null, now: Date): DeviceMessage[] {
  const named = body.device_id ?? body.deviceId ?? body.id
  const identifier
    = (typeof named === 'string' || typeof named === 'number' ? String(named).trim() : '') || addressed
  if (!identifier)
    throw new InvalidInputError([{ path: 'device_id', message: 'is required: the identifier of the device' }])
  const locations: unknown[] = Array.isArray(body.location) ? body.location : [body.location ?? {}]
  if (locations.length === 0)
    throw new InvalidInputError([{ path: 'location', message: 'must hold at least one location' }])
  const faults = locations.flatMap((location, index) =>
    isObject(location)
      ? []
      : [{ path: locations.length > 1 ? `location[${index}]` : 'location', message: 'must be an object' }])
  if (faults.length) throw new InvalidInputError(faults.slice(0, 10))
  return locations.map(location => parseLocation(body, location as Json, identifier, now))
}

function parseLocation(body: Json, location: Json, identifier: string, now: Date): DeviceMessage {
  const coords = object(location.coords)
  const extras = object(location.extras)

  const reader = createReader()
  const { values: attributes, add } = createAttributes()
  const battery = object(location.battery)
  // A share from 0 to 1; -1 means that the phone does not know.
  const level = reader.number('the battery', battery.level, share => share < 0 || share > 1)
  const percent = level === null ? null : Math.round(level * 100)
  add('battery', percent)
  add('charge', battery.is_charging)
  add('moving', location.is_moving)
  add('odometer', location.odometer)
  add('event', location.event)
  add('mock', location.mock)
  add('activity', object(location.activity).type)
  // The last one is read by no other server, and is an alarm all the same.
  add('alarm', location.alarm ?? extras.alarm ?? body.alarm)
  for (const [name, value] of Object.entries(extras)) if (name !== 'alarm') add(name, value)
  for (const [name, value] of Object.entries(location)) if (!knownInLocation.has(name)) add(name, value)

  const speed = reader.notNegative('the speed', coords.speed)
  return {
    identifiers: [identifier],
    place:
      (coords.latitude ?? null) === null && (coords.longitude ?? null) === null
        ? null
        : { latitude: toNumber(coords.latitude), longitude: toNumber(coords.longitude) },
    fixTime: readTimestamp(location.timestamp, now),
    // Metres a second.
    speed: speed === null ? null : { value: speed * 3.6, unit: 'kmh' },
    courseDegrees: reader.course('the course', coords.heading),
    altitudeMetres: reader.number('the altitude', coords.altitude),
    accuracyMetres: reader.notNegative('the accuracy', coords.accuracy),
    attributes,
    battery: { percent, volts: null },
    events: eventsOf(attributes),
    notes: reader.notes,
    protocol: 'traccar-client',
    raw: rawOf({ ...body, location }),
  }
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function object(value: unknown): Json {
  return isObject(value) ? value : {}
}
