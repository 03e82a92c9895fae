import { z } from 'zod'
import { text, textLike } from './text.ts'
import { queryNumber } from './numbers.ts'

/** A UUID of any version, in lower case. */
export const Id = z.uuid('must be a UUID, such as 0193e3a4-5b6c-7d8e-9f00-112233445566').toLowerCase()

/** The `:id` of an address. */
export const IdParameter = z.object({ id: Id })

/**
 * Fleet2 knows no earlier and no later moment. PostgreSQL, JavaScript and the calendar agree on all that lies
 * between.
 */
const earliest = Date.UTC(1970, 0, 1)
const latest = Date.UTC(2200, 0, 1)

/** Whether a moment that was read from somewhere can be asked the database for. */
export function isKnownMoment(moment: Date): boolean {
  return moment.getTime() >= earliest && moment.getTime() < latest
}

/** A moment between 1970 and 2200: ISO 8601 with an offset or Z, as a string that `new Date()` takes. */
export const Instant = z.iso
  .datetime({
    offset: true,
    error: 'must be an ISO 8601 time with Z or an offset, such as 2026-11-24T08:30:00Z',
  })
  .max(40, 'must be an ISO 8601 time with Z or an offset, such as 2026-11-24T08:30:00Z')
  // What is no moment at all has been told so above.
  .refine(
    moment => Number.isNaN(Date.parse(moment)) || isKnownMoment(new Date(moment)),
    'must be between the years 1970 and 2200',
  )

/** A short line of text, such as a name. */
export function line(max: number) {
  return text({ max })
}

/** Several lines of text; may be empty. */
export function paragraph(max: number) {
  return text({ min: 0, max, lines: true })
}

/** What is searched for; empty: nothing is. */
export const Search = text({ min: 0, max: 80 })

/**
 * The form of a name in the IANA time zone database. An offset such as +05:30 is none: PostgreSQL reads the
 * sign of one the other way round. Nor are the abbreviations, which mean different zones to different
 * programs.
 */
const zoneName = /^(UTC|[A-Z][A-Za-z_-]*(\/[A-Z][A-Za-z0-9_+-]*){1,2})$/

/**
 * An IANA time zone, such as Europe/Berlin. Whether the database knows it too is asked before it is stored.
 */
export const TimeZone = textLike(zoneName, 'an IANA time zone, such as Europe/Berlin', { max: 64 }).refine(
  (zone) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone })
      return true
    }
    catch {
      return false
    }
  },
  'must be an IANA time zone, such as Europe/Berlin',
)

/** A place in a list, from the page before. What it says is looked at where it is read. */
export const CursorText = textLike(/^[\w-]+$/, 'the nextCursor of the previous page')

/** Cursor pagination: `cursor` is opaque and comes from the page before; `limit` is at most 200. */
export const PageQuery = z.object({
  cursor: CursorText.optional(),
  limit: queryNumber(1, 200).default(50),
})
export type PageQuery = z.infer<typeof PageQuery>

/** A page of a list; `nextCursor` is null on the last one. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
  /** How many the whole list has. Null past the first page, and where it has more than `maxCounted`. */
  total: number | null
}

/**
 * Whether an update names a field beside `version`: an empty one is a mistake of the caller's, not a change.
 */
export function changesSomething(update: object): boolean {
  return Object.keys(update).some(key => key !== 'version')
}
