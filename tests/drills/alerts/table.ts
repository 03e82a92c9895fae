import { alerts as rules } from '../../deploy/alerts/rules.ts'
import type { AlertVerdict } from './judge.ts'
import type { Silence } from './silence.ts'

const head = [
  'fault',
  'alert',
  'told by',
  '`for`',
  'fires after',
  'told after',
  'end told after',
  'pages',
  'as the row says',
]

/** One line of the table in docs/monitoring-setup.md, by the row that it is of. */
export interface TableLine { row: string, text: string }

const seconds = (value: number | null) => value === null ? 'never' : `${value.toFixed(0)} s`
const line = (cells: string[]) => `| ${cells.join(' | ')} |`

/** A line for each alert of a row; the fault and what is of all of them stand in the first. */
export function linesOf(
  fault: string,
  { row, alerts, pages, violations }: AlertVerdict,
  date: string,
): TableLine[] {
  const verdict = violations.length ? `**no**: ${violations.join('; ')}` : `yes, ${date}`
  return alerts.map(({ alert, severity, channels, firing, delivered, over }, index) => ({
    row,
    text: line([
      index ? '' : `**${row}**: ${fault}`,
      `[${alert}](#${alert.toLowerCase()}), ${severity}`,
      channels.join(', '),
      forOf(alert, severity),
      seconds(firing),
      seconds(delivered),
      seconds(over),
      index ? '' : String(pages),
      index ? '' : verdict,
    ]),
  }))
}

/** The line of the dead man's switch: it is told by what does not come. */
export function silenceLine(
  row: string,
  fault: string,
  { missed, heard, violations }: Silence,
  date: string,
): TableLine {
  const verdict = violations.length ? `**no**: ${violations.join('; ')}` : `yes, ${date}`
  const alert = '[Watchdog](#watchdog) falls silent'
  const cells = [
    `**${row}**: ${fault}`,
    alert,
    'dead man\'s switch',
    '',
    '',
    seconds(missed),
    seconds(heard),
    '',
    verdict,
  ]
  return { row, text: line(cells) }
}

/**
 * The table, with the lines of these rows in place of what it had of them. Rows stand in the order of
 * `names`.
 */
export function withLines(table: string, lines: TableLine[], names: string[]): string {
  const kept = readLines(table).filter(({ row }) => !lines.some(other => other.row === row))
  const all = [...kept, ...lines]
  const ordered = names.flatMap(name => all.filter(({ row }) => row === name))
  return [line(head), line(head.map(() => '---')), ...ordered.map(({ text }) => text)].join('\n')
}

function readLines(table: string): TableLine[] {
  let row = ''
  return table.split('\n').filter(text => text.startsWith('|')).slice(2).map((text) => {
    row = /^\| \*\*([\w-]+)\*\*/.exec(text)?.[1] ?? row
    return { row, text }
  })
}

/** How long the rule waits before it fires. @throws where there is no such rule. */
function forOf(alert: string, severity: string): string {
  const rule = rules.find(other => other.alert === alert && other.labels.severity === severity)
  if (!rule) throw new Error(`No rule makes the alert ${alert} (${severity})`)
  return rule.for ?? '0s'
}
