import {
  boolean,
  date,
  doublePrecision,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Protocol, SpeedUnit } from '#shared/devices.ts'
import type { DeviceEventKind } from '#shared/device-events.ts'
import type { Doubt, MessageOutcome, RecordedOutcome } from '#shared/device-messages.ts'
import type { VehicleKind } from '#shared/vehicles.ts'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const vehicles = pgTable('vehicles', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  name: text('name').notNull(),
  registration: text('registration'),
  kind: text('kind').$type<VehicleKind>().notNull(),
  make: text('make'),
  model: text('model'),
  year: smallint('year'),
  notes: text('notes'),
  version: integer('version').notNull().default(1),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
  /** Set: removed, and can be restored; its history stays. */
  removedAt: moment('removed_at'),
})

export const devices = pgTable('devices', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  name: text('name').notNull(),
  /** What the device calls itself, unless `ownIdentifier` says it; unique over all organisations. */
  identifier: text('identifier').notNull(),
  /** What it calls itself, where another device has that name: then `identifier` is its id. */
  ownIdentifier: text('own_identifier'),
  vehicleId: uuid('vehicle_id'),
  speedUnit: text('speed_unit').$type<SpeedUnit>().notNull().default('kn'),
  tokenRequired: boolean('token_required').notNull().default(false),
  /** SHA-256 of the token, in hexadecimal. */
  tokenHash: text('token_hash'),
  /** The one before it, and until when it is taken. */
  previousTokenHash: text('previous_token_hash'),
  previousTokenUntil: moment('previous_token_until'),
  /** Without its token it is taken at the organisation's own address alone. */
  addressRequired: boolean('address_required').notNull().default(false),
  /** Added to every time that it says. */
  clockCorrectionSeconds: integer('clock_correction_seconds').notNull().default(0),
  /** Until then its last messages are kept as they came. */
  recordingUntil: moment('recording_until'),
  version: integer('version').notNull().default(1),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

/** An organisation's own ingest address: `/api/ingest/<key>`. */
export const ingestAddresses = pgTable('ingest_addresses', {
  organisationId: uuid('organisation_id').primaryKey(),
  key: text('key').notNull(),
  /** The one before it, and until when it is taken. */
  previousKey: text('previous_key'),
  previousUntil: moment('previous_until'),
  version: integer('version').notNull().default(1),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

/** Identifiers that nobody has, as they came to an organisation's own address. */
export const unknownDevices = pgTable('unknown_devices', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  identifier: text('identifier').notNull(),
  protocol: text('protocol').$type<Protocol>(),
  firstSeenAt: moment('first_seen_at').notNull(),
  lastSeenAt: moment('last_seen_at').notNull(),
  raw: jsonb('raw').$type<Record<string, unknown>>().notNull(),
})

/**
 * Which device was fitted to which vehicle, and when: never in two at one moment. `fittedAt` may be
 * `-infinity`, as long as anybody knows, which is no Date: read it by SQL. `removedAt` null: it still is.
 */
export const deviceFittings = pgTable('device_fittings', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  vehicleId: uuid('vehicle_id').notNull(),
  fittedAt: moment('fitted_at').notNull().defaultNow(),
  removedAt: moment('removed_at'),
})

const fix = {
  latitude: doublePrecision('latitude').notNull(),
  longitude: doublePrecision('longitude').notNull(),
  speedKmh: real('speed_kmh'),
  courseDegrees: real('course_degrees'),
  altitudeMetres: real('altitude_metres'),
  accuracyMetres: real('accuracy_metres'),
  attributes: jsonb('attributes').$type<Record<string, unknown>>().notNull().default({}),
}

/**
 * Every fix. Partitioned by day of `fix_time`; what has no partition yet is in `positions_default`, and what
 * has been thinned in `position_days`.
 */
export const positions = pgTable('positions', {
  deviceId: uuid('device_id').notNull(),
  fixTime: moment('fix_time').notNull(),
  organisationId: uuid('organisation_id').notNull(),
  /** The vehicle that the device was fitted to at the time of the fix. */
  vehicleId: uuid('vehicle_id'),
  receivedAt: moment('received_at').notNull().defaultNow(),
  ...fix,
  /** Null: it is believed. */
  credibility: text('credibility').$type<Doubt>(),
  /** Why it is not believed, or what was corrected or left out. */
  reason: text('reason'),
}, table => [primaryKey({ columns: [table.deviceId, table.fixTime] })])

/** A day (of UTC) of a device in a vehicle, once it is thinned; see `server/fleet/history/packed.ts`. */
export const positionDays = pgTable('position_days', {
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  day: date('day', { mode: 'string' }).notNull(),
  vehicleId: uuid('vehicle_id'),
  /** Positions that it was made of, and those of them that were not believed and are left out. */
  fixes: integer('fixes').notNull(),
  doubted: integer('doubted').notNull(),
  /** Along all of them, before any was left out. */
  metres: doublePrecision('metres').notNull(),
  offsets: integer('offsets').array().notNull(),
  latitudes: integer('latitudes').array().notNull(),
  longitudes: integer('longitudes').array().notNull(),
  speeds: smallint('speeds').array().$type<(number | null)[]>().notNull(),
  courses: smallint('courses').array().$type<(number | null)[]>().notNull(),
  altitudes: smallint('altitudes').array().$type<(number | null)[]>().notNull(),
})

/** What failed the sanity bounds, as it was sent: acknowledged to the device, looked at by people. */
export const quarantinedPositions = pgTable('quarantined_positions', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  receivedAt: moment('received_at').notNull().defaultNow(),
  reason: text('reason').notNull(),
  raw: jsonb('raw').$type<Record<string, unknown>>().notNull(),
  /** Since then a correction has made a believed position of it. */
  replayedAt: moment('replayed_at'),
})

/** What devices told of beside a place. */
export const deviceEvents = pgTable('device_events', {
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  fixTime: moment('fix_time').notNull(),
  kind: text('kind').$type<DeviceEventKind>().notNull(),
  contentHash: text('content_hash').notNull(),
  id: uuid('id').notNull(),
  vehicleId: uuid('vehicle_id'),
  receivedAt: moment('received_at').notNull().defaultNow(),
  latitude: doublePrecision('latitude'),
  longitude: doublePrecision('longitude'),
  data: jsonb('data').$type<Record<string, unknown>>().notNull(),
}, table => [primaryKey({
  columns: [table.organisationId, table.deviceId, table.fixTime, table.kind, table.contentHash],
})])

/** Messages that were stored and not believed, or refused, as they came. */
export const deviceMessages = pgTable('device_messages', {
  id: uuid('id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  receivedAt: moment('received_at').notNull().defaultNow(),
  fixTime: moment('fix_time'),
  outcome: text('outcome').$type<MessageOutcome>().notNull(),
  credibility: text('credibility').$type<Doubt>(),
  reason: text('reason').notNull(),
  raw: jsonb('raw').$type<Record<string, unknown>>().notNull(),
  /** Since then a correction has made a believed position of it. */
  replayedAt: moment('replayed_at'),
})

/** The last messages of a device that is being recorded, in a ring. */
export const recordedMessages = pgTable('recorded_messages', {
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  slot: smallint('slot').notNull(),
  receivedAt: moment('received_at').notNull(),
  fixTime: moment('fix_time'),
  outcome: text('outcome').$type<RecordedOutcome>().notNull(),
  protocol: text('protocol').$type<Protocol>(),
  raw: jsonb('raw').$type<Record<string, unknown>>().notNull(),
}, table => [primaryKey({ columns: [table.deviceId, table.slot] })])

/**
 * The newest credible fix of each device, when it was last heard of, and what its next message is judged by.
 * The fix is null until there has been one.
 */
export const deviceStates = pgTable('device_states', {
  deviceId: uuid('device_id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  lastSeenAt: moment('last_seen_at').notNull(),
  fixTime: moment('fix_time'),
  latitude: doublePrecision('latitude'),
  longitude: doublePrecision('longitude'),
  speedKmh: real('speed_kmh'),
  courseDegrees: real('course_degrees'),
  altitudeMetres: real('altitude_metres'),
  accuracyMetres: real('accuracy_metres'),
  /** By how much its clock is ahead, all the time. */
  clockOffsetSeconds: integer('clock_offset_seconds'),
  intervalSeconds: real('interval_seconds'),
  batteryPercent: real('battery_percent'),
  batteryVolts: real('battery_volts'),
  protocol: text('protocol').$type<Protocol>(),
  firmware: text('firmware'),
  signal: text('signal'),
  judging: jsonb('judging'),
})

/** The newest credible fix of each vehicle, by whichever device. */
export const vehicleStates = pgTable('vehicle_states', {
  vehicleId: uuid('vehicle_id').primaryKey(),
  organisationId: uuid('organisation_id').notNull(),
  deviceId: uuid('device_id').notNull(),
  fixTime: moment('fix_time').notNull(),
  receivedAt: moment('received_at').notNull(),
  ...fix,
})
