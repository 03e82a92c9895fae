import { config, z } from 'zod'

// In a browser zod would try whether it may compile code, which the content security policy refuses and reports. Before the first schema is made: this
// module is the first that every other one imports.
if ('window' in globalThis) config({ jitless: true })

/** A UUID of any version, in lower case. */
export const Id = z.uuid('must be a UUID, such as 0193e3a4-5b6c-7d8e-9f00-112233445566').toLowerCase()

/** The `:id` of an address. */
export const IdParameter = z.object({ id: Id })

/** A moment: ISO 8601 with an offset or Z, as a string that `new Date()` takes. */
export const Instant = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time with Z or an offset, such as 2026-11-24T08:30:00Z' })

/**
 * A short line of text: surrounding white space is taken off; control characters are refused, because
 * PostgreSQL cannot store NUL and no list shows the others.
 */
export function line(max: number) {
  return z.string('must be text').trim().min(1, 'must not be empty').max(max, `must be at most ${max} characters long`)
    // eslint-disable-next-line no-control-regex
    .regex(/^[^\u0000-\u001F\u007F]*$/, 'must not contain control characters')
}

/** Several lines of text. NUL is refused, PostgreSQL cannot store it. */
export function paragraph(max: number) {
  return z.string('must be text').trim().max(max, `must be at most ${max} characters long`)
    // eslint-disable-next-line no-control-regex
    .regex(/^[^\u0000]*$/, 'must not contain the character NUL')
}

/** An IANA time zone, such as Europe/Berlin. */
export const TimeZone = z.string().max(64).refine((zone) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  }
  catch {
    return false
  }
}, 'must be an IANA time zone, such as Europe/Berlin')

/** Cursor pagination: `cursor` is opaque and comes from the page before; `limit` is at most 200. */
export const PageQuery = z.object({
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number('must be a whole number').int('must be a whole number').min(1).max(200).default(50),
})
export type PageQuery = z.infer<typeof PageQuery>

/** How far a list is counted: past it nobody reads the number, and counting would cost more than the page. */
export const mostCounted = 10_000

/** A page of a list; `nextCursor` is null on the last one. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
  /** How many the whole list has. Null past the first page, and where it has more than `mostCounted`. */
  total: number | null
}

/** Whether an update names a field beside `version`: an empty one is a mistake of the caller's, not a change. */
export function changesSomething(update: object): boolean {
  return Object.keys(update).some(key => key !== 'version')
}
