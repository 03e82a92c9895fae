import { z } from 'zod'
import { anyFields, anyNumber, anyText, id, moment } from './schemas/answers.ts'
import { CursorText, Instant, PageQuery, Search, line, paragraph } from './schemas/common.ts'
import { credibilities } from './device-messages.ts'
import { queryNumber, wholeNumber } from './schemas/numbers.ts'
import { recordOf } from './schemas/record.ts'

export const vehicleKinds = [
  'car',
  'van',
  'truck',
  'bus',
  'trailer',
  'motorcycle',
  'machine',
  'other',
] as const
export type VehicleKind = (typeof vehicleKinds)[number]

/** What people write of a vehicle: the one place, beside its column (`server/database/schema/fleet.ts`). */
const record = recordOf({
  name: line(80),
  registration: line(20).nullable().default(null),
  kind: z.enum(vehicleKinds, `must be one of ${vehicleKinds.join(', ')}`).default('car'),
  make: line(60).nullable().default(null),
  model: line(60).nullable().default(null),
  year: wholeNumber(1900, 2100).nullable().default(null),
  notes: paragraph(4000).nullable().default(null),
})

export const VehicleCreate = record.create
export type VehicleCreate = z.infer<typeof VehicleCreate>

/** Only what is given is changed. `version`, if given, must be the present one: 409 otherwise. */
export const VehicleUpdate = record.update
export type VehicleUpdate = z.infer<typeof VehicleUpdate>

export const VehicleQuery = PageQuery.extend({
  /** Part of the name or the registration, in any case. */
  search: Search.optional(),
  /** `removed` lists what was removed and can be restored. */
  state: z.enum(['present', 'removed'], 'must be present or removed').default('present'),
})
export type VehicleQuery = z.infer<typeof VehicleQuery>

/**
 * A track is asked for at most 31 days, so that one request cannot read years. Both ends default to the last
 * 24 hours.
 */
export const TrackQuery = z.object({
  from: Instant.optional(),
  to: Instant.optional(),
  /** `ok`: the track. `all`: also what is not believed. */
  credibility: z.enum(['ok', 'all'], 'must be ok or all').default('ok'),
  cursor: CursorText.optional(),
  limit: queryNumber(1, 5000).default(2000),
})
export type TrackQuery = z.infer<typeof TrackQuery>

/** One fix of a device. SI units are named in the field; null: the device did not say. */
export const Position = z.object({
  fixTime: moment(),
  latitude: anyNumber(),
  longitude: anyNumber(),
  speedKmh: anyNumber().nullable(),
  courseDegrees: anyNumber().nullable(),
  altitudeMetres: anyNumber().nullable(),
  accuracyMetres: anyNumber().nullable(),
  attributes: anyFields(),
})
export type Position = z.infer<typeof Position>

/** One fix and what it was judged to be. */
export const JudgedPosition = Position.extend({
  credibility: z.enum(credibilities).describe('Only `ok` moves a vehicle, and counts for distances.'),
  reason: anyText().nullable()
    .describe('Why it is not believed, or what was corrected or left out. Null: nothing.'),
})
export type JudgedPosition = z.infer<typeof JudgedPosition>

/** The newest position of a vehicle, as the live stream and the vehicle list carry it. */
export const LivePosition = Position.extend({ vehicleId: id(), receivedAt: moment() })
export type LivePosition = z.infer<typeof LivePosition>

export const Vehicle = record.answer.extend({
  devices: z.array(z.object({ id: id(), name: anyText() }))
    .describe('Those that are fitted at present; none for who may not see devices.'),
  lastPosition: LivePosition.nullable(),
  removedAt: moment().nullable(),
})
export type Vehicle = z.infer<typeof Vehicle>
