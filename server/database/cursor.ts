import { sql, type SQL } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { InvalidInputError } from '#shared/errors.ts'
import { maxCounted } from '#shared/counted.ts'
import { isKnownMoment, type Page } from '#shared/schemas/common.ts'

/** A place in a sorted list: the sort key and the id of the last row shown. */
export type Cursor = [key: string, id: string]

/**
 * An opaque text for the client. It names a place, not rights: the query is under row-level security all the
 * same.
 */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** What a list is sorted by, and so what its cursors may hold: a text, a moment, or nothing beside the id. */
export type CursorKey = 'text' | 'moment' | 'none'

/** @throws {InvalidInputError} on anything that `encodeCursor` did not make for a list that is sorted so. */
export function decodeCursor(text: string | undefined, key: CursorKey): Cursor | null {
  if (text === undefined) return null
  const cursor = readCursor(text)
  if (!cursor || !fits[key](cursor[0]))
    throw new InvalidInputError([{ path: 'cursor', message: 'must be the nextCursor of the previous page' }])
  return cursor
}

/** Whoever sends it may have made it up: what the database would refuse must not reach it. */
const fits: Record<CursorKey, (key: string) => boolean> = {
  text: key => key.isWellFormed() && !key.includes('\0'),
  moment: key => isKnownMoment(new Date(key)),
  none: key => key === '',
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function readCursor(text: string): Cursor | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (!Array.isArray(value) || value.length !== 2) return null
    const [key, id] = value as unknown[]
    return typeof key === 'string' && typeof id === 'string' && uuid.test(id) ? [key, id] : null
  }
  catch {
    return null
  }
}

/**
 * A column for the page's own query that tells how many rows `where` leaves of `table`: counted in the same
 * snapshot and the same round trip, once a query and not once a row. Null where the page is not the first: it
 * has been told. `where` may name columns of `table` alone.
 */
export function countAll(
  table: PgTable, where: SQL | undefined, cursor: Cursor | boolean | null,
): SQL<number | null> {
  if (cursor) return sql<null>`NULL::int`
  return sql<number>`(SELECT count(*)::int FROM (SELECT FROM ${table} WHERE ${where ?? sql`true`} LIMIT ${maxCounted + 1}) AS counted)`
}

/**
 * Makes a page of `limit` rows out of a query for `limit + 1`: the extra one tells whether there is a next
 * page. `total` is what `countAll` found; a list that ends on its first page needs none.
 * @param place the sort key and id of a row.
 */
export function toPage<Row extends object, Item>(
  rows: Row[],
  { limit, cursor }: { limit: number, cursor?: string },
  place: (row: Row) => Cursor,
  item: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit)
  const isWhole = cursor === undefined && rows.length <= limit
  const total = isWhole ? rows.length : ((rows[0] as { total?: number | null } | undefined)?.total ?? null)
  return {
    items: shown.map(item),
    nextCursor: rows.length > limit ? encodeCursor(place(shown.at(-1)!)) : null,
    total: total !== null && total <= maxCounted ? total : null,
  }
}

/** `%text%` for ILIKE, with its own wildcards taken literally. */
export function contains(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`
}
