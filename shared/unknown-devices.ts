import { z } from 'zod'
import { DeviceCreate, protocols } from './devices.ts'
import { anyFields, anyText, id, moment } from './schemas/answers.ts'

/** One row of `GET /api/v1/unknown-devices`: a name that no device of the organisation has. */
export const UnknownDevice = z.object({
  id: id(),
  identifier: anyText().describe('What it calls itself.'),
  protocol: z.enum(protocols).nullable().describe('The shape of its last message.'),
  firstSeenAt: moment(),
  lastSeenAt: moment(),
  raw: anyFields().describe('Its newest message as it came, without secrets.'),
})
export type UnknownDevice = z.infer<typeof UnknownDevice>

/** Nothing need be said: it is called what it calls itself, and is taken at the organisation's address. */
export const UnknownDeviceAdoption
  = DeviceCreate.pick({ name: true, vehicleId: true, speedUnit: true }).partial()
export type UnknownDeviceAdoption = z.infer<typeof UnknownDeviceAdoption>
