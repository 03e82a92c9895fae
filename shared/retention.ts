import { z } from 'zod'
import { anyNumber, count, moment } from './schemas/answers.ts'
import { wholeNumber } from './schemas/numbers.ts'

/** A week at least: who notices on Monday what went wrong on Friday still finds it. Ten years at most. */
const days = () => wholeNumber(7, 3_650).nullable()

/** What an organisation that is made has: two years, and a quarter of a year as they came. */
export const newRetention = {
  positionsKeptDays: 730, positionsThinnedDays: 90, eventsKeptDays: 730, messagesKeptDays: 90,
} as const

/** How many days are kept; null: for ever. */
export const RetentionSettings = z.strictObject({
  /** Positions. */
  positionsKeptDays: days(),
  /** After so many days a vehicle's day is simplified to 10 m. Null: never. */
  positionsThinnedDays: days(),
  /** Alarms and other events of devices. */
  eventsKeptDays: days(),
  /** Messages of devices that were quarantined, refused or not believed. */
  messagesKeptDays: days(),
})
export type RetentionSettings = z.infer<typeof RetentionSettings>

export const RetentionUpdate = RetentionSettings.extend({
  /** Has to be true where something will be deleted that is kept now. */
  acknowledged: z.boolean('must be true or false').default(false),
})
export type RetentionUpdate = z.infer<typeof RetentionUpdate>

export const Retention = z.object({
  positionsKeptDays: anyNumber().nullable(),
  positionsThinnedDays: anyNumber().nullable(),
  eventsKeptDays: anyNumber().nullable(),
  messagesKeptDays: anyNumber().nullable(),
  inForceFrom: moment().nullable()
    .describe('Nothing is deleted before; until then the setting can be taken back. Null: it is in force.'),
})
export type Retention = z.infer<typeof Retention>

/** More are not counted: the answer is wanted while somebody waits. */
export const mostCounted = 100_000

export const RetentionPreview = z.object({
  positionsDeleted: count().describe(`At most ${mostCounted + 1}: more are not counted.`),
  positionsThinned: count(),
  eventsDeleted: count(),
  messagesDeleted: count(),
  isShorter: z.boolean().describe('Something will be deleted sooner than by the present setting.'),
})
export type RetentionPreview = z.infer<typeof RetentionPreview>
