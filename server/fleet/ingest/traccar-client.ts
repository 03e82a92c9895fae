import { InvalidInputError } from '#shared/errors.ts'
import { createAttributes, optionalNumber, rawOf, toNumber, type DeviceMessage } from './message.ts'

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
])

/** The JSON of the Traccar Client 9. @throws {InvalidInputError} when it names no device. */
export function parseTraccarClient(body: Json, now: Date): DeviceMessage {
  const identifier
    = typeof body.device_id === 'string' || typeof body.device_id === 'number'
      ? String(body.device_id).trim()
      : ''
  if (!identifier)
    throw new InvalidInputError([{ path: 'device_id', message: 'is required: the identifier of the device' }])
  const location = object(body.location)
  const coords = object(location.coords)
  const extras = object(location.extras)

  const { values: attributes, add } = createAttributes()
  const battery = object(location.battery)
  const level = optionalNumber(battery.level)
  // A share from 0 to 1; -1 means that the phone does not know.
  if (level !== null && level >= 0) add('battery', Math.round(level * 100))
  add('charge', battery.is_charging)
  add('moving', location.is_moving)
  add('odometer', location.odometer)
  add('event', location.event)
  add('mock', location.mock)
  add('activity', object(location.activity).type)
  add('alarm', body.alarm ?? extras.alarm)
  for (const [name, value] of Object.entries(extras)) if (name !== 'alarm') add(name, value)
  for (const [name, value] of Object.entries(location)) if (!knownInLocation.has(name)) add(name, value)

  const speed = notNegative(optionalNumber(coords.speed))
  return {
    identifiers: [identifier],
    place:
      coords.latitude === undefined && coords.longitude === undefined
        ? null
        : { latitude: toNumber(coords.latitude), longitude: toNumber(coords.longitude) },
    fixTime:
      location.timestamp === undefined
        ? now
        : new Date(typeof location.timestamp === 'string' ? location.timestamp : Number.NaN),
    // Metres a second.
    speed: speed === null ? null : { value: speed * 3.6, unit: 'kmh' },
    courseDegrees: notNegative(optionalNumber(coords.heading)),
    altitudeMetres: optionalNumber(coords.altitude),
    accuracyMetres: notNegative(optionalNumber(coords.accuracy)),
    attributes,
    raw: rawOf(body),
  }
}

/** The client says -1 for "not set". */
function notNegative(value: number | null): number | null {
  return value !== null && value < 0 ? null : value
}

function object(value: unknown): Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as Json : {}
}
