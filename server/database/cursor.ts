import { InvalidInputError } from '#shared/errors.ts'
import type { Page } from '#shared/schemas/common.ts'

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
 * Makes a page of `limit` rows out of a query for `limit + 1`: the extra one tells whether there is a next page.
 * @param place the sort key and id of a row.
 */
export function toPage<Row, Item>(rows: Row[], limit: number, place: (row: Row) => Cursor, item: (row: Row) => Item): Page<Item> {
  const shown = rows.slice(0, limit)
  return {
    items: shown.map(item),
    nextCursor: rows.length > limit ? encodeCursor(place(shown.at(-1)!)) : null,
  }
}
