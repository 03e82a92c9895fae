import { readdirSync, readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'

/**
 * Where a figure turns from good to worth a look (warning), and to worth waking somebody (critical). Read
 * from the alert rules, so that no panel turns red while nobody is told, or the other way round.
 */
export interface Limit {
  warning?: number
  critical?: number
  /** Good lies above the numbers: three instances are good, two are not. */
  below?: true
}

interface Rule {
  alert?: string
  record?: string
  expr: string
  labels?: { severity?: string }
  annotations?: { runbook_url?: string }
}

const folder = new URL('../rules/', import.meta.url)

const files = readdirSync(folder).filter(name => name.endsWith('.yml')).sort()

/** Every rule of deploy/monitoring/rules. */
export const rules: Rule[] = files.flatMap((name) => {
  const { groups } = parse(readFileSync(new URL(name, folder), 'utf8')) as { groups: { rules: Rule[] }[] }
  return groups.flatMap(group => group.rules)
})

/** The rules of an alert, one a severity. @throws where there is none of this name. */
function rulesOf(alert: string): Rule[] {
  const found = rules.filter(rule => rule.alert === alert)
  if (!found.length) throw new Error(`No rule in deploy/monitoring/rules has the name ${alert}`)
  return found
}

/**
 * The numbers that these alerts compare with. Several where a warning and its critical have different names.
 */
export function limitOf(alerts: string[]): Limit {
  const limit: Limit = {}
  for (const { alert, expr, labels } of alerts.flatMap(rulesOf)) {
    const severity = labels?.severity
    // An information asks nobody to do anything, so it paints nothing.
    if (severity !== 'warning' && severity !== 'critical') continue
    const { value, below } = comparison(expr, alert!)
    limit[severity] = value
    if (below) limit.below = true
  }
  return limit
}

/** Below docs/: `monitoring-setup.md#errorratehigh`. */
export function runbookOf(alert: string): string {
  const address = rulesOf(alert)[0]!.annotations?.runbook_url ?? ''
  if (!address.includes('monitoring-setup.md#')) throw new Error(`The alert ${alert} has no runbook_url`)
  return address.replace(/^.*(?=monitoring-setup\.md#)/, '')
}

/** The outermost, first comparison with a number: `a > 2 and on () b > 0.5` compares with 2. */
function comparison(expr: string, alert: string): { value: number, below: boolean } {
  let found: { value: number, below: boolean } | undefined
  parser.parse(expr).iterate({
    enter({ node, name }) {
      if (found || name !== 'BinaryExpr') return !found
      const value = number(expr.slice(node.lastChild!.from, node.lastChild!.to))
      if (value === undefined) return
      // What is 0 or 1: `up == 0` is good at 1.
      if (node.getChild('Eql')) found = value === 0 ? { value: 1, below: true } : { value, below: false }
      if (node.getChild('Gtr') ?? node.getChild('Gte')) found = { value, below: false }
      if (node.getChild('Lss') ?? node.getChild('Lte')) found = { value, below: true }
    },
  })
  if (!found) throw new Error(`The rule ${alert} compares with no number: ${expr}`)
  return found
}

/** `0.8`, `26 * 3600`. */
function number(text: string): number | undefined {
  if (!/^[\d.]+(\s*\*\s*[\d.]+)*$/.test(text.trim())) return undefined
  return text.split('*').map(Number).reduce((product, factor) => product * factor, 1)
}
