import { InvalidInputError } from '#shared/errors.ts'
import {
  createAttributes,
  createReader,
  eventsOf,
  rawOf,
  readTimestamp,
  toNumber,
  type DeviceMessage,
  type MessageEvent,
} from './message.ts'

type Json = Record<string, unknown>

/** What a location's `t` says beside the place. */
const triggers: Record<string, [name: string, value: unknown]> = {
  'i': ['ignition', true],
  'I': ['ignition', false],
  's': ['alarm', 'overspeed'],
  'e': ['alarm', 'powerCut'],
  'E': ['alarm', 'powerRestored'],
  '!': ['alarm', 'tow'],
  '9': ['alarm', 'lowBattery'],
}

const known = new Set([
  '_type',
  'tst',
  'lat',
  'lon',
  'vel',
  'alt',
  'cog',
  'acc',
  'batt',
  't',
  'tid',
  'topic',
  '_id',
  'created_at',
])

/** Who sent it, as far as HTTP tells. */
export interface OwnTracksSender {
  username: string | null
  limitUser: string | null
  limitDevice: string | null
  /** `?id=` of the address. */
  addressed: string | null
}

/**
 * OwnTracks' JSON over HTTP. Null for anything but a location: waypoints, cards and the like are taken and
 * have no effect.
 * @throws {InvalidInputError} when nothing tells who sent it.
 */
export function parseOwnTracks(
  body: Json,
  { username, limitUser, limitDevice, addressed }: OwnTracksSender,
  now: Date,
): DeviceMessage | null {
  if (body._type !== 'location') return null
  // The order of trust: a credential, the topic that a broker vouches for, the header, the address, and last
  // the two letters that the user chose.
  const identifiers = [
    username,
    text(body.topic),
    limitUser && limitDevice ? `${limitUser}/${limitDevice}` : limitUser,
    addressed,
    text(body.tid) === 'na' ? null : text(body.tid),
  ].filter(identifier => identifier !== null && identifier !== '')
  if (identifiers.length === 0) {
    throw new InvalidInputError([
      {
        path: 'tid',
        message: 'the device is not identified: set a username, or a tracker ID other than "na"',
      },
    ])
  }
  const reader = createReader()
  const { values: attributes, add } = createAttributes()
  const battery = reader.battery('the battery', body.batt)
  add('battery', battery.percent)
  add('batteryVolts', battery.volts)
  // Its own names alone: "constructor" is one that every object has.
  const trigger = typeof body.t === 'string' && Object.hasOwn(triggers, body.t) ? triggers[body.t] : undefined
  if (trigger) add(...trigger)
  for (const [name, value] of Object.entries(body)) if (!known.has(name)) add(name, value)

  const speed = reader.notNegative('the speed', body.vel)
  return {
    identifiers: identifiers as string[],
    place:
      isUnset(body.lat) && isUnset(body.lon)
        ? null
        : { latitude: toNumber(body.lat), longitude: toNumber(body.lon) },
    fixTime: readTimestamp(body.tst, now),
    speed: speed === null ? null : { value: speed, unit: 'kmh' },
    courseDegrees: reader.course('the course', body.cog),
    altitudeMetres: reader.number('the altitude', body.alt),
    accuracyMetres: reader.notNegative('the accuracy', body.acc),
    attributes,
    battery,
    events: triggered(eventsOf(attributes), trigger?.[0]),
    notes: reader.notes,
    protocol: 'owntracks',
    raw: rawOf(body),
  }
}

/** A trigger is the moment itself, not a state that is said in every message. */
function triggered(events: MessageEvent[], by: string | undefined): MessageEvent[] {
  return events.map(event => by === 'ignition' && event.kind === by ? { ...event, onChange: false } : event)
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function text(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : null
}
