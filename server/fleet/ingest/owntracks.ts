import { InvalidInputError } from '#shared/errors.ts'
import { createAttributes, optionalNumber, rawOf, toNumber, type DeviceMessage } from './message.ts'

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
}

/**
 * OwnTracks' JSON over HTTP. Null for anything but a location: waypoints, cards and the like are taken and
 * have no effect.
 * @throws {InvalidInputError} when nothing tells who sent it.
 */
export function parseOwnTracks(
  body: Json,
  { username, limitUser, limitDevice }: OwnTracksSender,
  now: Date,
): DeviceMessage | null {
  if (body._type !== 'location') return null
  // The order of trust: a credential, the topic that a broker vouches for, the header, and last the two
  // letters that the user chose.
  const identifiers = [
    username,
    text(body.topic),
    limitUser && limitDevice ? `${limitUser}/${limitDevice}` : limitUser,
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
  const { values: attributes, add } = createAttributes()
  add('battery', optionalNumber(body.batt))
  const trigger = typeof body.t === 'string' ? triggers[body.t] : undefined
  if (trigger) add(...trigger)
  for (const [name, value] of Object.entries(body)) if (!known.has(name)) add(name, value)

  const speed = optionalNumber(body.vel)
  return {
    identifiers: identifiers as string[],
    place:
      body.lat === undefined && body.lon === undefined
        ? null
        : { latitude: toNumber(body.lat), longitude: toNumber(body.lon) },
    fixTime: body.tst === undefined ? now : new Date(toNumber(body.tst) * 1000),
    speed: speed === null || speed < 0 ? null : { value: speed, unit: 'kmh' },
    courseDegrees: optionalNumber(body.cog),
    altitudeMetres: optionalNumber(body.alt),
    accuracyMetres: optionalNumber(body.acc),
    attributes,
    raw: rawOf(body),
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value.trim() : null
}
