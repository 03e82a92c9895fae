import { z } from 'zod'

interface Json {
  type?: string | string[]
  properties?: Record<string, Json>
  required?: string[]
  anyOf?: Json[]
  enum?: unknown[]
  format?: string
  pattern?: string
  minLength?: number
  minimum?: number
}

/**
 * Something that a schema of input takes, as little as possible: what it needs, or its first field where it
 * needs nothing (what changes nothing is refused).
 * @throws {Error} where it makes something up that the schema does not take: teach it here.
 */
export function smallestOf(schema: z.ZodObject): Record<string, unknown> {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as Json
  const names = required.length ? required : Object.keys(properties).slice(0, 1)
  const sample = Object.fromEntries(names.map((name) => {
    return [name, valueOf(properties[name]!, schema.shape[name] as z.ZodType)]
  }))
  const { error } = schema.safeParse(sample)
  if (error) throw new Error(`No sample for ${Object.keys(properties).join(', ')}: ${error.message}`)
  return sample
}

/** Texts of which some field takes one. */
const texts = [
  'Sample', 'sample@example.org', 'UTC', 'a long enough password', 'x'.repeat(43),
  '0193e3a4-5b6c-7d8e-9f00-112233445566', '2026-11-24T08:30:00Z',
]

function valueOf({ type, anyOf, enum: values, minimum = 0 }: Json, schema: z.ZodType): unknown {
  const kind = [type ?? anyOf?.[0]?.type].flat()[0]
  if (values) return values.at(-1)
  if (kind === 'boolean') return true
  if (kind === 'integer' || kind === 'number') return minimum
  return texts.find(text => schema.safeParse(text).success)
}
