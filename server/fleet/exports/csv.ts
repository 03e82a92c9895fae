import { stringify } from 'csv-stringify/sync'

/** A spreadsheet takes the text for UTF-8 by this, and not for what its country's default is. */
export const byteOrderMark = '\uFEFF'

/**
 * Rows as CSV (RFC 4180), one line each. A cell that a spreadsheet would run as a formula (`=`, `+`, `-`,
 * `@`, a tab or a carriage return at its start) begins with an apostrophe: whoever names a vehicle must not
 * decide what the program of whoever exports it does.
 */
export function csvLines(rows: readonly (string | number | null)[][]): string {
  return stringify(rows as (string | number | null)[][], {
    escape_formulas: true, record_delimiter: '\r\n', quoted_match: /[\r\n]/,
  })
}
