import { z } from 'zod'
import { anyFields, anyText, id, moment } from './schemas/answers.ts'
import { protocols } from './devices.ts'
import { Id, PageQuery } from './schemas/common.ts'

/** Why a fix is not believed. It is kept, and moves nothing. */
export const doubts = ['no-fix', 'outdated', 'clock-ahead', 'implausible', 'inaccurate'] as const
export type Doubt = (typeof doubts)[number]

/** What each fix is judged to be. Only `ok` moves a vehicle. */
export const credibilities = ['ok', ...doubts] as const
export type Credibility = (typeof credibilities)[number]

/** What became of a message that is listed here. */
export const messageOutcomes = ['judged', 'quarantined', 'refused'] as const
export type MessageOutcome = (typeof messageOutcomes)[number]

/** What became of a message that was recorded as it came. */
export const recordedOutcomes = [...credibilities, 'quarantined', 'no-place'] as const
export type RecordedOutcome = (typeof recordedOutcomes)[number]

const outcomeText = `must be one of ${messageOutcomes.join(', ')}`

export const DeviceMessageQuery = PageQuery.extend({
  deviceId: Id.optional(),
  outcome: z.enum(messageOutcomes, outcomeText).optional(),
})
export type DeviceMessageQuery = z.infer<typeof DeviceMessageQuery>

/** One row of `GET /api/v1/device-messages`: a message that moved nothing, as it came, and why. */
export const DeviceMessageEntry = z.object({
  id: id(),
  device: z.object({ id: id(), name: anyText().nullable().describe('Null: it has been removed.') }),
  receivedAt: moment(),
  fixTime: moment().nullable()
    .describe('By the clock of the device; null where nothing was made of the message.'),
  outcome: z.enum(messageOutcomes)
    .describe('`judged`: stored, and not believed; `quarantined`: stored as it came; `refused`: not taken.'),
  credibility: z.enum(credibilities).nullable(),
  reason: anyText().describe('What is wrong with it, and what would be right.'),
  raw: anyFields().describe('As it came, without secrets. Of a message that was refused and whose sender is not '
    + 'proved to be of this organisation, the names of its fields alone.'),
  replayedAt: moment().nullable()
    .describe('Since then a correction has made a position of it; null: it has not.'),
})
export type DeviceMessageEntry = z.infer<typeof DeviceMessageEntry>

/** One row of `GET /api/v1/devices/{id}/recorded-messages`: a message as it came, whatever became of it. */
export const RecordedMessage = z.object({
  receivedAt: moment(),
  fixTime: moment().nullable(),
  outcome: z.enum(recordedOutcomes)
    .describe('`ok` and the other credibilities: stored; `quarantined`; `no-place`: there was none to store.'),
  protocol: z.enum(protocols).nullable(),
  raw: anyFields().describe('As it came, without secrets.'),
})
export type RecordedMessage = z.infer<typeof RecordedMessage>
