import type { Outage } from '../measure/writes.ts'

/** A Markdown table, as docs/deployment.md has it: what each fault has cost whoever was writing. */
export function outageTable(outages: (readonly [name: string, outage: Outage])[]): string {
  const rows = outages.map(([name, { writes, outageSeconds, slowestSeconds, errors, errorKinds, lost }]) => {
    const kinds = Object.entries(errorKinds).map(([kind, count]) => `${count} x ${kind}`).join(', ')
    const seconds = [outageSeconds, slowestSeconds].map(number => number.toFixed(1))
    return [name, ...seconds, errors ? kinds : '0', String(writes), String(lost)]
  })
  const head = [
    'what was done', 'seconds without a write', 'slowest write, seconds', 'attempts that failed', 'writes',
    'acknowledged and lost',
  ]
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
