import type { ErrorRow } from '../../server/database/error-table.ts'

/** The table of errors as it stands in `docs/database.md`. */
export function errorTableMarkdown(rows: readonly ErrorRow[]): string {
  const lines = rows.map(
    ({ match, from, name, before, atCommit, proof }) =>
      `| ${match.code ? `\`${match.code}\`` : `"${match.words!.source.replaceAll('|', ' / ')}"`} | ${from} | ${name} | ${before} | ${atCommit} | ${proof} |`,
  )
  return [
    '| error | from | what it is | before COMMIT | at COMMIT | proof |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

/** The page with its table made anew. */
export function withErrorTable(page: string, rows: readonly ErrorRow[]): string {
  return page.replace(
    /(<!-- errors:begin -->\n)[\s\S]*?(<!-- errors:end -->)/,
    (_, begin: string, end: string) => `${begin}${errorTableMarkdown(rows)}\n${end}`,
  )
}
