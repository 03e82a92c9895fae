import { maxAtOnce, type Report } from './apply.ts'
import type { Item, Kind, Plan } from './plan.ts'
import { leftOut, restoredTables } from './tables.ts'

/** Rows of one kind that are written out; `--json` has all. */
const maxShown = 50

const titles: Record<Kind, string> = {
  deleted: 'deleted since',
  changed: 'changed since',
  added: 'added since (they stay)',
}

/** What a comparison found, for a terminal. */
export function planInWords(plan: Plan, shown: string[]): string {
  const { organisation, restoredTo, items } = plan
  const tables = shown.length ? shown : Object.keys(restoredTables)
  const lines = [`${organisation.name} (${organisation.id}): as it was at ${restoredTo}, and now`, '']
  for (const table of tables) {
    const mine = items.filter(item => item.table === table)
    const { onlyNamed } = restoredTables[table]!
    lines.push(`${table}: ${mine.length === 0 ? 'no difference' : counted(mine)}`)
    if (mine.length && onlyNamed) lines.push(`  only by --table ${table}: ${onlyNamed}`)
    for (const kind of Object.keys(titles) as Kind[]) {
      const some = mine.filter(item => item.kind === kind)
      if (some.length) lines.push(`  ${titles[kind]}`, ...some.slice(0, maxShown).map(itemInWords))
      if (some.length > maxShown) lines.push(`    … and ${some.length - maxShown} more (--json has all)`)
    }
  }
  lines.push('', 'Does not come back by itself:')
  lines.push(...Object.entries(leftOut).map(([table, why]) => `  ${table}: ${why}`))
  const offered = items.filter(({ kind }) => kind !== 'added').length
  lines.push('', offered ? 'Nothing was changed.' : 'Nothing was changed, and there is nothing to restore.')
  if (offered > maxAtOnce)
    lines.push(`${maxAtOnce} rows at most come back at once: choose with --table, --only or --id.`)
  return lines.join('\n')
}

function counted(items: Item[]): string {
  return (Object.keys(titles) as Kind[])
    .map(kind => ({ kind, n: items.filter(item => item.kind === kind).length }))
    .filter(({ n }) => n)
    .map(({ kind, n }) => `${n} ${kind}`)
    .join(', ')
}

function itemInWords({ label, id, fields, note, with: vehicle }: Item): string {
  const differences = fields.map(
    ({ field, then, now }) => `${field} ${JSON.stringify(now)} -> ${JSON.stringify(then)}`,
  )
  const more = [...differences, ...vehicle ? ['comes back with the vehicle'] : [], ...note ? [note] : []]
  return `    ${label} (${id})${more.length ? `: ${more.join('; ')}` : ''}`
}

/** What became of the rows, for a terminal. */
export function reportInWords({ requestId, dryRun, done }: Report): string {
  const of = (outcome: string) => done.filter(one => one.outcome === outcome)
  const [restored, already, conflicts] = [of('restored'), of('already'), of('conflict')]
  const list = (rows: Report['done']) => rows.map(({ table, label, id, because }) =>
    `  ${table}: ${label} (${id})${because ? `: ${because}` : ''}`)
  return [
    `${dryRun ? 'Would be restored' : 'Restored'}: ${restored.length}`,
    ...list(restored),
    ...(already.length ? [`As it was already: ${already.length}`, ...list(already)] : []),
    ...(conflicts.length ? [`Not restored: ${conflicts.length}`, ...list(conflicts)] : []),
    '',
    dryRun
      ? 'A dry run: nothing was changed. The same with --yes does it.'
      : restored.length
        ? `Each has its entry in the audit log (request ${requestId}); open pages are told within some seconds.`
        : 'Nothing was changed.',
  ].join('\n')
}
