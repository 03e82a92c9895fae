import { z } from 'zod'
import { anyFields, anyNumber, anyText, id, moment } from './schemas/answers.ts'
import { Id, Instant, PageQuery } from './schemas/common.ts'

/** What a device tells of beside its place. */
export const deviceEventKinds = ['alarm', 'ignition', 'button', 'power', 'driver', 'geofence'] as const
export type DeviceEventKind = (typeof deviceEventKinds)[number]

export const DeviceEventQuery = PageQuery.extend({
  deviceId: Id.optional(),
  vehicleId: Id.optional(),
  kind: z.enum(deviceEventKinds, `must be one of ${deviceEventKinds.join(', ')}`).optional(),
  from: Instant.optional(),
  to: Instant.optional(),
})
export type DeviceEventQuery = z.infer<typeof DeviceEventQuery>

/** One row of `GET /api/v1/device-events`. */
export const DeviceEvent = z.object({
  id: id(),
  device: z.object({ id: id(), name: anyText().nullable().describe('Null: it has been removed.') }),
  vehicle: z.object({ id: id(), name: anyText() }).nullable()
    .describe('Which one the device was assigned to when the event arrived.'),
  fixTime: moment().describe('When it happened, by the clock of the device.'),
  receivedAt: moment(),
  kind: z.enum(deviceEventKinds),
  data: anyFields().describe('What the device said: `{ "alarm": "sos" }`, `{ "on": true }`.'),
  latitude: anyNumber().nullable().describe('Null: the device has never had a credible place.'),
  longitude: anyNumber().nullable(),
})
export type DeviceEvent = z.infer<typeof DeviceEvent>
