import { z } from 'zod'
import { anyText, moment } from './schemas/answers.ts'

/** `GET /api/v1/ingest-address`: where the organisation's devices may send to, beside the address of all. */
export const IngestAddress = z.object({
  path: anyText().nullable()
    .describe('`/api/ingest/org-…`: it names the organisation. Null: none has been made yet.'),
  previousUntil: moment().nullable()
    .describe('Until then the address before this one is taken, too; null: there is none.'),
})
export type IngestAddress = z.infer<typeof IngestAddress>
