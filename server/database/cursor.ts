import { sql, type SQL } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { InvalidInputError } from '#shared/errors.ts'
import { mostCounted, type Page } from '#shared/schemas/common.ts'

/** A place in a sorted list: the sort key and the id of the last row shown. */
export type Cursor = [key: string, id: string]

/** An opaque text for the client. It names a place, not rights: the query is under row-level security all the same. */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** @throws {InvalidInputError} on anything that `encodeCursor` did not make. */
export function decodeCursor(text: string | undefined): Cursor | null {
  if (text === undefined) return null
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
    if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && !value[0].includes('\0') && typeof value[1] === 'string' && uuid.test(value[1])) {
      return [value[0], value[1]]
    }
  }
  catch {
    // Told below, like every other malformed cursor.
  }
  throw new InvalidInputError([{ path: 'cursor', message: 'must be the nextCursor of the page before' }])
}

/**
 * A column for the page's own query that tells how many rows `where` leaves of `table`: counted in the same snapshot and the same round trip, once
 * a query and not once a row. Null where the page is not the first: it has been told. `where` may name columns of `table` alone.
 */
export function countAll(table: PgTable, where: SQL | undefined, cursor: Cursor | null): SQL<number | null> {
  if (cursor) return sql<null>`NULL::int`
  return sql<number>`(SELECT count(*)::int FROM (SELECT FROM ${table} WHERE ${where ?? sql`true`} LIMIT ${mostCounted + 1}) AS counted)`
}

/**
 * Makes a page of `limit` rows out of a query for `limit + 1`: the extra one tells whether there is a next page. `total` is what `countAll` found; a list
 * that ends on its first page needs none.
 * @param place the sort key and id of a row.
 */
export function toPage<Row extends object, Item>(
  rows: Row[], { limit, cursor }: { limit: number, cursor?: string }, place: (row: Row) => Cursor, item: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit)
  const isWhole = cursor === undefined && rows.length <= limit
  const total = isWhole ? rows.length : (rows[0] as { total?: number | null } | undefined)?.total ?? null
  return {
    items: shown.map(item),
    nextCursor: rows.length > limit ? encodeCursor(place(shown.at(-1)!)) : null,
    total: total !== null && total <= mostCounted ? total : null,
  }
}
