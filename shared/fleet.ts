import { z } from 'zod'
import { anyNumber, anyText, count, id } from './schemas/answers.ts'

function column<Value extends z.ZodType>(value: Value) {
  return z.array(value)
}

/**
 * Every vehicle of an organisation that is in use, for a map: as columns, of which the n-th entries belong to
 * one vehicle. Compressed it is about 40 bytes a vehicle, where the list of vehicles is some hundred. The
 * five of the newest position are null where there is none.
 */
export const FleetSnapshot = z.object({
  id: column(id()),
  name: column(anyText()),
  registration: column(anyText().nullable()),
  version: column(count()),
  latitude: column(anyNumber().nullable()).describe('Degrees, to five decimals: about a metre.'),
  longitude: column(anyNumber().nullable()),
  speedKmh: column(anyNumber().nullable()).describe('To one decimal; null also where the device did not say.'),
  courseDegrees: column(anyNumber().nullable()).describe('Whole degrees; null also where it did not say.'),
  fixSeconds: column(count().nullable()).describe('The moment of the position, in seconds since 1970.'),
})
export type FleetSnapshot = z.infer<typeof FleetSnapshot>
