import { z } from 'zod'
import { anyNumber, anyText, count } from './schemas/answers.ts'
import { queryNumber } from './schemas/numbers.ts'

export const DeviceDayQuery = z.object({
  days: queryNumber(1, 31).default(14),
})
export type DeviceDayQuery = z.infer<typeof DeviceDayQuery>

/** One row of `GET /api/v1/devices/{id}/days`: what a device sent on one day, by its own clock. */
export const DeviceDay = z.object({
  day: anyText().describe('`yyyy-mm-dd`, in UTC.'),
  positions: count(),
  believed: count().describe('Of these, the ones that moved a vehicle or could have.'),
  battery: z.object({ first: anyNumber(), last: anyNumber(), least: anyNumber() }).nullable()
    .describe('Per cent; null: it did not say.'),
  leastVolts: anyNumber().nullable(),
  gaps: count().describe('Silences longer than five of its intervals, and than five minutes.'),
  silentSeconds: count().describe('How long they were together.'),
})
export type DeviceDay = z.infer<typeof DeviceDay>
