import { z } from 'zod'

// Builders for what the server says. Unlike input it is not judged, only described: the tests hold every
// answer to its schema and the API's document is made of it, and nothing of this runs where people are
// served.

/** Any text. */
export function anyText() {
  return z.string()
}

/** Any number that JSON can hold. */
export function anyNumber() {
  return z.number()
}

/** A whole number that is none below zero: a count, a version. */
export function count() {
  return z.number().int().min(0)
}

/** Some JSON, of which nothing is promised. */
export function anyJson() {
  return z.unknown()
}

/** Names and some JSON. */
export function anyFields() {
  return z.record(z.string(), z.unknown())
}

/** The id of a thing: a UUID. */
export function id() {
  return z.uuid()
}

/** A moment in UTC, as `Date.toISOString` writes it. */
export function moment() {
  return z.iso.datetime()
}

/** A whole list, which is never long. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item) })
}

/** A page of a list; `Page` of common.ts is its type. */
export function page<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Asks for the next page as `cursor`; null on the last one.'),
    total: count().nullable().describe(
      'How many the whole list has. Null past the first page, and where there are more than are counted.',
    ),
  })
}
