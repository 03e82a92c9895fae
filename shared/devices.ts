import { z } from 'zod'
import { anyNumber, anyText, count, id, moment } from './schemas/answers.ts'
import { Id, PageQuery, Search, changesSomething, line } from './schemas/common.ts'
import { Version } from './schemas/numbers.ts'

/** The unit in which an OsmAnd-style device says its speed. Traccar's default is knots. */
export const speedUnits = ['kn', 'kmh', 'mps', 'mph'] as const
export type SpeedUnit = (typeof speedUnits)[number]

/** The shapes of messages that devices send: three over HTTP, and what trackers speak to the gateway. */
export const protocols = ['osmand', 'traccar-client', 'owntracks', 'teltonika', 'gt06', 'h02'] as const
export type Protocol = (typeof protocols)[number]

/**
 * What the device calls itself: an IMEI, a Traccar Client id, an OwnTracks user or topic (which ends with
 * what the phone is called: `owntracks/kim/iPhone 12 Pro`). Unique over all of Fleet2.
 */
const Identifier = line(128)

export const DeviceCreate = z.strictObject({
  name: line(80),
  identifier: Identifier,
  vehicleId: Id.nullable().default(null),
  speedUnit: z.enum(speedUnits, `must be one of ${speedUnits.join(', ')}`).default('kn'),
  /**
   * Whether the device must show a token, which is made with it and shown once. False has to be said: then
   * whoever knows its identifier, which is printed on many a tracker, can send positions in its name.
   */
  tokenRequired: z.boolean('must be true or false').default(true),
})
export type DeviceCreate = z.infer<typeof DeviceCreate>

export const DeviceUpdate = z.strictObject({
  name: line(80),
  /** The vehicle it is fitted to from now on; null takes it out. */
  vehicleId: Id.nullable(),
  speedUnit: z.enum(speedUnits, `must be one of ${speedUnits.join(', ')}`),
  tokenRequired: z.boolean('must be true or false'),
  version: Version,
}).partial().refine(changesSomething, 'must change at least one field')
export type DeviceUpdate = z.infer<typeof DeviceUpdate>

export const DeviceQuery = PageQuery.extend({
  search: Search.optional(),
})
export type DeviceQuery = z.infer<typeof DeviceQuery>

export const Device = z.object({
  id: id(),
  name: anyText(),
  identifier: anyText(),
  vehicle: z.object({ id: id(), name: anyText() }).nullable(),
  speedUnit: z.enum(speedUnits),
  tokenRequired: z.boolean(),
  lastSeenAt: moment().nullable().describe('When a message of it was last taken; null: never.'),
  protocol: z.enum(protocols).nullable().describe('The shape of its last message; null: there was none.'),
  clockOffsetSeconds: anyNumber().nullable()
    .describe('By how much its clock is ahead, all the time; it is taken off. Null: its clock is right.'),
  intervalSeconds: anyNumber().nullable()
    .describe('How far its fixes are apart, smoothed. Null: there have not been two.'),
  batteryPercent: anyNumber().nullable(),
  batteryVolts: anyNumber().nullable(),
  previousTokenUntil: moment().nullable()
    .describe('Until then the token before this one is taken, too; null: there is none.'),
  version: count(),
  createdAt: moment(),
  updatedAt: moment(),
})
export type Device = z.infer<typeof Device>

/** The answer to a creation or a new token. */
export const DeviceWithToken = Device.extend({
  token: anyText().nullable().describe('Shown this once. Null: it needs none.'),
})
export type DeviceWithToken = z.infer<typeof DeviceWithToken>

export const TokenQuery = z.object({
  /** `true`: the token before ends at once, because it may be in wrong hands. */
  endPrevious: z.enum(['true', 'false'], 'must be true or false').default('false'),
})
