import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { fileOf, groupsOf, recordings } from './rules.ts'

const run = promisify(execFile)

/** What Prometheus has seen: a number that stays, or promtool's own notation. */
export type Seen = Record<string, number | string>

/** One situation of an alert, and how many of it fire then. */
export interface Situation {
  name: string
  seen: Seen
  /** How long it has lasted: `10m`. */
  after: string
  alert: string
  severity: string
  fires: number
  /** All is well in it. */
  well?: boolean
}

/**
 * Runs the situations through `promtool test rules`. Resolves to its complaints, empty when all are as
 * expected.
 */
export async function testRules(situations: Situation[], interval: string): Promise<string> {
  // Each alert with the rules of its own file and the recordings: all of them for each would take minutes.
  const files = [...new Set(situations.map(({ alert }) => fileOf(alert)))]
  const complaints: string[] = []
  for (const file of files)
    complaints.push(
      await testFile(
        file,
        situations.filter(({ alert }) => fileOf(alert) === file),
        interval,
      ),
    )
  return complaints.join('')
}

interface World { seen: Seen, situations: Situation[] }

/**
 * Promtool needs a fifth of a second for each database that it makes, so situations share one where they can:
 * those that see the same, and those in which all is well, as long as no series is said to have two values.
 */
function inWorlds(situations: Situation[]): World[] {
  const worlds: World[] = []
  for (const situation of situations) {
    const agrees = (other: Seen) =>
      Object.entries(situation.seen).every(([series, value]) => (other[series] ?? value) === value)
    const fitting = worlds.find(({ seen, situations: [first] }) => situation.well
      ? first!.well && agrees(seen)
      : !first!.well && JSON.stringify(seen) === JSON.stringify(situation.seen))
    if (!fitting) worlds.push({ seen: { ...situation.seen }, situations: [situation] })
    else {
      Object.assign(fitting.seen, situation.seen)
      fitting.situations.push(situation)
    }
  }
  return worlds
}

async function testFile(rules: string, situations: Situation[], interval: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-promtool-'))
  try {
    const file = join(folder, 'tests.yml')
    await writeFile(file, stringify({
      rule_files: [recordings, rules],
      evaluation_interval: interval,
      group_eval_order: [recordings, rules].flatMap(groupsOf).map(({ name }) => name),
      tests: inWorlds(situations).map(({ seen, situations }) => ({
        name: situations.map(({ name }) => name).join('; '),
        interval,
        input_series: Object.entries(seen).map(([series, value]) => ({
          series, values: typeof value === 'number' ? `${value}x500` : value,
        })),
        promql_expr_test: situations.map(({ after, alert, severity, fires }) => ({
          expr: `count(ALERTS{alertname="${alert}",severity="${severity}",alertstate="firing"}) or vector(0)`,
          eval_time: after,
          exp_samples: [{ labels: '{}', value: fires }],
        })),
      })),
    }, { aliasDuplicateObjects: false }))
    const { stdout, stderr } = await run('promtool', ['test', 'rules', file], { maxBuffer: 2 ** 26 })
      .catch((error: { stdout: string, stderr: string }) => error)
    return /SUCCESS/.test(stdout) ? '' : `${stdout}${stderr}`
  }
  finally {
    await rm(folder, { recursive: true })
  }
}
