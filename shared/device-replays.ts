import { z } from 'zod'
import { speedUnits } from './devices.ts'
import { Id, Instant } from './schemas/common.ts'

/** What is judged anew after a correction: the messages of a device, by their receipt. */
export const DeviceReplayCreate = z.strictObject({
  deviceId: Id,
  from: Instant,
  to: Instant,
  /**
   * The unit in which the speeds of the positions in between were read, where it was the wrong one: they are
   * brought into the unit that the device is set to now. Only for devices that speak OsmAnd.
   */
  speedUnitBefore: z.enum(speedUnits, `must be one of ${speedUnits.join(', ')}`).optional(),
})
export type DeviceReplayCreate = z.infer<typeof DeviceReplayCreate>
