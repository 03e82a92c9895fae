import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { DrillResult } from '../drill.ts'
import { drillMetricsText } from './metrics.ts'
import { replaceIn } from './page.ts'
import { picture } from './picture.ts'
import { table, type Row } from './table.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const availability = 'docs/availability.md'

export interface Report {
  /**
   * Keeps a scenario's result: its picture at once, and its whole history where the judge found something.
   */
  add(run: number, result: DrillResult): void
  /**
   * Writes `drill-report.md`, `drill-report.json` and `drill-metrics.prom` (for Prometheus); returns the path
   * of the first.
   */
  finish(about: { command: string, load: string, machine: string }): string
  rows(): Row[]
}

/** A folder with everything about one call of `npm run drill`; what was in it before is gone. */
export function startReport(folder: string): Report {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'pictures'), { recursive: true })
  const kept: { run: number, result: DrillResult }[] = []

  function rows(): Row[] {
    return [...Map.groupBy(kept, ({ result }) => result.scenario.name).values()].map(results => ({
      scenario: results[0]!.result.scenario,
      verdicts: results.map(({ result }) => result.verdict),
    }))
  }

  return {
    rows,
    add(run, result) {
      kept.push({ run, result })
      const { scenario, history, verdict, state } = result
      writeFileSync(
        join(folder, 'pictures', `${scenario.name}-${run}.svg`),
        picture(history, `${scenario.name}: ${scenario.fault}`),
      )
      if (verdict.violations.length)
        writeFileSync(
          join(folder, `${scenario.name}-${run}.history.json.gz`),
          gzipSync(JSON.stringify({ history, state })),
        )
    },
    finish({ command, load, machine }) {
      const violated = kept.filter(({ result }) => result.verdict.violations.length > 0)
      const text = [
        '# Drill',
        '',
        `\`${command}\`, ${new Date().toISOString()}, on ${machine}. ${load}.`,
        '',
        violated.length
          ? `**${violated.length} of ${kept.length} broke their budget or a promise.**`
          : `All ${kept.length} kept their budget and every promise.`,
        '',
        table(rows()),
        '',
        ...violated.flatMap(({ run, result: { scenario, verdict } }) => [
          `## ${scenario.name}, run ${run}`,
          '',
          ...verdict.violations.map(violation => `- ${violation}`),
          '',
        ]),
        ...kept.map(
          ({ run, result: { scenario, history } }) =>
            `![${scenario.name}](pictures/${scenario.name}-${run}.svg)\n\n${history.marks.find(({ name }) => name === 'fault')?.detail ?? ''}\n`,
        ),
      ].join('\n')
      const json = kept.map(
        ({
          run,
          result: {
            scenario: { inject: _, ...scenario },
            verdict,
            history,
          },
        }) => ({ run, ...scenario, ...verdict, beganAt: history.beganAt, marks: history.marks }),
      )
      writeFileSync(join(folder, 'drill-report.md'), text)
      writeFileSync(
        join(folder, 'drill-report.json'),
        JSON.stringify({ command, load, machine, scenarios: json }, null, 2),
      )
      writeFileSync(join(folder, 'drill-metrics.prom'), drillMetricsText(kept.map(({ result }) => result)))
      return join(folder, 'drill-report.md')
    },
  }
}

/** Replaces the table in `docs/availability.md` and the pictures that it leads to: those of the last run. */
export function writeDocs(rows: Row[], results: DrillResult[], about: string): void {
  const pictures = join(root, 'docs/images/drills')
  mkdirSync(pictures, { recursive: true })
  for (const { scenario, history } of results)
    writeFileSync(
      join(pictures, `${scenario.name}.svg`),
      picture(history, `${scenario.name}: ${scenario.fault}`),
    )
  replaceIn(availability, 'drills', () => `${about}\n\n${table(rows, { pictures: 'images/drills' })}`)
}

/** Puts what a drill said with a protection taken away into the second table of that page. */
export function writeBreak(
  name: string,
  what: string,
  noticed: { scenario: string, violation: string },
): void {
  const row = `| \`${name}\`: ${what} | ${noticed.scenario} | ${noticed.violation.replaceAll('|', '\\|').slice(0, 200)} |`
  replaceIn(availability, 'breaks', (text) => {
    const [head, line, ...rows] = text.split('\n')
    return [head, line, ...[...rows.filter(other => !other.startsWith(`| \`${name}\``)), row].sort()].join(
      '\n',
    )
  })
}
