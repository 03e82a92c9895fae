import type { z } from 'zod'

/** One environment variable: what it means, how it is read, and what stands in `docs/configuration.md`. */
export interface Variable<T = unknown> {
  name: string
  group: string
  description: string
  /** As shown in the docs; the schema holds the real default. */
  default: string
  example: string
  /** Never printed. */
  secret?: boolean
  /**
   * Takes the text, or undefined where the variable is not set; its messages say what would be right.
   */
  schema: z.ZodType<T>
}

/** The definition as it is: it keeps the type of what is read. */
export function variable<T>(definition: Variable<T>): Variable<T> {
  return definition
}
