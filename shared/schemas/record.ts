import { z } from 'zod'
import { Version } from './numbers.ts'
import { anyNumber, anyText, count, id, moment } from './answers.ts'
import { changesSomething } from './common.ts'

type Fields = Record<string, z.ZodType>
type Bare<Field> = Field extends z.ZodDefault<infer Inner> ? Inner : Field
type Updated<Own extends Fields> = { [Name in keyof Own]: z.ZodOptional<Bare<Own[Name]>> }
type Answered<Own extends Fields> = { [Name in keyof Own]: z.ZodType<z.output<Own[Name]>> }

/**
 * What is the same in all kinds of things that people make and change: how one is added, changed and
 * answered, from its own fields, each said once. A field with a default may be left out when one is added; in
 * a change every field may, and `version`, if given, must be the present one (409 otherwise).
 */
export function recordOf<const Own extends Fields>(fields: Own) {
  const updated = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, bare(field).optional()]),
  ) as Updated<Own>
  const answered = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, described(field)]),
  ) as Answered<Own>
  return {
    create: z.strictObject(fields),
    update: z.strictObject({ ...updated, version: Version.optional() })
      .refine(changesSomething, 'must change at least one field'),
    /** As it is answered, with what all of them have. `extend` adds what else one has. */
    answer: z.object({
      id: id(),
      ...answered,
      version: count(),
      createdAt: moment(),
      updatedAt: moment(),
    }),
  }
}

function bare(field: z.ZodType): z.ZodType {
  return field instanceof z.ZodDefault ? field.unwrap() as z.ZodType : field
}

/** A field of input as it is answered: of its kind, without its bounds. */
function described(field: z.ZodType): z.ZodType {
  const inner = bare(field)
  if (inner instanceof z.ZodNullable) return described(inner.unwrap() as z.ZodType).nullable()
  if (inner instanceof z.ZodString) return inner.format === null ? anyText() : inner
  if (inner instanceof z.ZodNumber) return inner.isInt ? count() : anyNumber()
  return inner
}
