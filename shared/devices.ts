import { z } from 'zod'
import { anyNumber, anyText, count, id, moment } from './schemas/answers.ts'
import { Id, Instant, PageQuery, Search, changesSomething, line } from './schemas/common.ts'
import { Version, wholeNumber } from './schemas/numbers.ts'

/** The unit in which an OsmAnd-style device says its speed. Traccar's default is knots. */
export const speedUnits = ['kn', 'kmh', 'mps', 'mph'] as const
export type SpeedUnit = (typeof speedUnits)[number]

/** The shapes of messages that devices send: three over HTTP, and what trackers speak to the gateway. */
export const protocols = ['osmand', 'traccar-client', 'owntracks', 'teltonika', 'gt06', 'h02'] as const
export type Protocol = (typeof protocols)[number]

/**
 * What the device calls itself: an IMEI, a Traccar Client id, an OwnTracks user or topic (which ends with
 * what the phone is called: `owntracks/kim/iPhone 12 Pro`). A name, and no proof: unique in its organisation,
 * and among the devices of all that need show nothing.
 */
export const DeviceIdentifier = line(128)

/**
 * Added to every time that the device says, for a clock that people know to be wrong: a day on either side
 * covers every time zone.
 */
const ClockCorrection = wholeNumber(-86_400, 86_400)

export const DeviceCreate = z.strictObject({
  name: line(80),
  identifier: DeviceIdentifier,
  vehicleId: Id.nullable().default(null),
  speedUnit: z.enum(speedUnits, `must be one of ${speedUnits.join(', ')}`).default('kn'),
  /**
   * Whether the device must show a token, which is made with it and shown once. False has to be said: then
   * whoever knows its identifier, which is printed on many a tracker, can send positions in its name.
   */
  tokenRequired: z.boolean('must be true or false').default(true),
  /** Without its token it is taken at the organisation's own ingest address alone. */
  addressRequired: z.boolean('must be true or false').default(false),
  clockCorrectionSeconds: ClockCorrection.default(0),
})
export type DeviceCreate = z.infer<typeof DeviceCreate>

export const DeviceUpdate = z.strictObject({
  name: line(80),
  /** The vehicle it is fitted to from now on; null takes it out. */
  vehicleId: Id.nullable(),
  speedUnit: z.enum(speedUnits, `must be one of ${speedUnits.join(', ')}`),
  tokenRequired: z.boolean('must be true or false'),
  addressRequired: z.boolean('must be true or false'),
  clockCorrectionSeconds: ClockCorrection,
  /** Keeps the last 100 messages as they came for a day, or ends that. */
  recording: z.boolean('must be true or false'),
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
  addressRequired: z.boolean()
    .describe('Without its token it is taken at the organisation\'s own ingest address alone.'),
  clockCorrectionSeconds: anyNumber().describe('Added to every time that it says.'),
  recordingUntil: moment().nullable()
    .describe('Until then its last 100 messages are kept as they came; null: they are not.'),
  lastSeenAt: moment().nullable().describe('When a message of it was last taken; null: never.'),
  protocol: z.enum(protocols).nullable().describe('The shape of its last message; null: there was none.'),
  clockOffsetSeconds: anyNumber().nullable()
    .describe('By how much its clock is ahead, all the time; it is taken off. Null: its clock is right.'),
  intervalSeconds: anyNumber().nullable()
    .describe('How far its fixes are apart, smoothed. Null: there have not been two.'),
  batteryPercent: anyNumber().nullable(),
  batteryVolts: anyNumber().nullable(),
  firmware: anyText().nullable().describe('As it said last; null: it has not.'),
  signal: anyText().nullable().describe('How well it is heard, as it said last and in its own unit.'),
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

/** From when to when a device was in a vehicle. */
export const Fitting = z.object({
  id: id(),
  device: z.object({ id: id(), name: anyText() }),
  vehicle: z.object({ id: id(), name: anyText() }),
  from: moment().nullable().describe('Null: as long as anybody knows.'),
  to: moment().nullable().describe('Null: it is there.'),
})
export type Fitting = z.infer<typeof Fitting>

/** The fittings of a device or of a vehicle, the latest first. */
export const Fittings = z.object({ items: z.array(Fitting), nextCursor: z.null(), total: count() })
export type Fittings = z.infer<typeof Fittings>

/** A fitting that nobody has entered at its time. */
export const FittingCreate = z.strictObject({
  vehicleId: Id,
  /** Null: as long as anybody knows. */
  from: Instant.nullable(),
  /** Null: it is there. */
  to: Instant.nullable(),
})
export type FittingCreate = z.infer<typeof FittingCreate>

export const FittingUpdate = FittingCreate.partial()
  .refine(changesSomething, 'must change at least one field')
export type FittingUpdate = z.infer<typeof FittingUpdate>

/** A fitting that was corrected, and what became of the history in its time. */
export const CorrectedFitting = Fitting.extend({
  moved: count().describe('Positions that belong to another vehicle now.'),
  job: id().nullable().describe('The job that moves the rest of them. Null: there is no more.'),
})
export type CorrectedFitting = z.infer<typeof CorrectedFitting>
