import type { DrillResult } from '../drill.ts'

interface Result { scenario: Pick<DrillResult['scenario'], 'name' | 'part'>, verdict: DrillResult['verdict'] }

/**
 * What a drill measured, for Prometheus: each with the labels `scenario` and `part`; of several runs the
 * worst.
 */
export const drillMetrics: { name: string, help: string, read: (result: Result, now: number) => number }[] = [
  {
    name: 'fleet2_drill_last_run_timestamp_seconds', help: 'When the scenario was drilled last',
    read: (_, now) => Math.floor(now / 1000),
  },
  {
    name: 'fleet2_drill_without_writes_seconds',
    help: 'Recovery time as people had it: seconds without any write',
    read: ({ verdict }) => verdict.figures.secondsWithoutWrites,
  },
  {
    name: 'fleet2_drill_without_reads_seconds', help: 'Seconds without any read',
    read: ({ verdict }) => verdict.figures.secondsWithoutReads,
  },
  {
    name: 'fleet2_drill_lost_writes', help: 'Acknowledged writes that were gone afterwards',
    read: ({ verdict }) => verdict.figures.lost,
  },
  {
    name: 'fleet2_drill_violations', help: 'Budgets and promises that were broken',
    read: ({ verdict }) => verdict.violations.length,
  },
]

/** In Prometheus' text form, as the node exporter's textfile collector takes it. */
export function drillMetricsText(results: Result[], now = Date.now()): string {
  const scenarios = [...Map.groupBy(results, ({ scenario }) => scenario.name).values()]
  return drillMetrics.map(({ name, help, read }) => [
    `# HELP ${name} ${help}`, `# TYPE ${name} gauge`,
    ...scenarios.map((runs) => {
      const { scenario } = runs[0]!
      const worst = Math.max(...runs.map(run => read(run, now)))
      return `${name}{scenario="${scenario.name}",part="${scenario.part}"} ${worst}`
    }), '',
  ].join('\n')).join('')
}
