import { z } from 'zod'

/**
 * `deleted`: was there and is not, or has been removed; `changed`: differs; `added`: was not there, or was
 * removed then. What was added is shown and stays.
 */
export const kinds = ['deleted', 'changed', 'added'] as const
export type Kind = (typeof kinds)[number]

const Hash = z.string().regex(/^[0-9a-f]{32}$/)

const Item = z.object({
  table: z.string(),
  id: z.uuid(),
  kind: z.enum(kinds),
  /** What people call it. */
  label: z.string(),
  /** Where the row is still there: what differs, as people read it. Without secrets. */
  fields: z.array(z.object({ field: z.string(), then: z.unknown(), now: z.unknown() })),
  /** Of the whole row in the copy and in the running system; null: it is not there. */
  then: Hash.nullable(),
  now: Hash.nullable(),
  /** Comes back with that row: it was lost by the same click. */
  with: z.uuid().optional(),
  /** What does not come back as it was. */
  note: z.string().optional(),
})
export type Item = z.infer<typeof Item>

/** What a comparison found, and what `apply` goes by. It holds names, and neither secrets nor whole rows. */
export const Plan = z.object({
  format: z.literal(1),
  organisation: z.object({ id: z.uuid(), name: z.string() }),
  /** The copy's moment, in the operator's words. */
  restoredTo: z.string(),
  comparedAt: z.string(),
  schema: z.number().int(),
  items: z.array(Item),
})
export type Plan = z.infer<typeof Plan>
