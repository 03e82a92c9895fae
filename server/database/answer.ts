import type { z } from 'zod'

/** The fields of `values` that a schema names: of a row those that are audited, or stored. */
export function pickFields<Schema extends z.ZodObject>(
  { shape }: Schema, values: Readonly<Record<string, unknown>>,
): Partial<z.output<Schema>> {
  return Object.fromEntries(Object.keys(shape).map(name => [name, values[name]])) as Partial<z.output<Schema>>
}

type Stored<Value> = Value | (Value extends string ? Date : never)

/** A row as it is answered: the fields that the schema of the answer names, moments as text. */
export function toAnswer<Schema extends z.ZodObject>(
  schema: Schema, values: { [Name in keyof z.output<Schema>]: Stored<z.output<Schema>[Name]> },
): z.output<Schema> {
  return Object.fromEntries(Object.keys(schema.shape).map((name) => {
    const value: unknown = (values as Record<string, unknown>)[name]
    return [name, value instanceof Date ? value.toISOString() : value]
  })) as z.output<Schema>
}
