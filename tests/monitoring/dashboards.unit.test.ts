import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { limitOf, rules } from '../../deploy/monitoring/grafana/alerts.ts'
import { annotations, build, variables } from '../../deploy/monitoring/grafana/dashboard.ts'
import { dashboardFiles, dashboards } from '../../deploy/monitoring/grafana/dashboards.ts'
import { filledIn } from '../../deploy/monitoring/grafana/query.ts'
import type { PanelSpec } from '../../deploy/monitoring/grafana/types.ts'
import { drillMetricsText } from '../drills/report/metrics.ts'
import { knownMetrics } from '../support/known-metrics.ts'
import { faults, metricsOf } from '../support/promql.ts'

const folder = new URL('../../deploy/monitoring/grafana/dashboards/', import.meta.url)
const panels = dashboards.flatMap(spec => spec.rows.flatMap(row => row.panels.map(panel => ({
  at: `${spec.title}: ${panel.title}`, panel,
}))))

/** Everything that is asked of Prometheus, by whom. */
const expressions: [string, string][] = [
  ...panels.flatMap(({ at, panel }) => panel.queries.map(({ expr }): [string, string] => [at, expr])),
  ...dashboards.flatMap(spec => variables(spec).map(({ name, series }): [string,
    string] => [`${spec.title}: $${name}`, series])),
  ...annotations.map(({ name, expr }): [string, string] => [name, expr]),
]

describe('the dashboards', () => {
  it('stand in dashboards/ as the source makes them (npm run docs writes them)', () => {
    const made = dashboardFiles()
    expect(readdirSync(folder).sort()).toEqual(Object.keys(made).sort())
    for (const [name, text] of Object.entries(made)) expect(readFileSync(new URL(name, folder), 'utf8'),
      name).toBe(text)
  })

  it('are the specification\'s five', () => {
    expect(dashboards.map(({ title }) => title).sort()).toEqual(['Fleet2 Overview', 'HA Status',
      'Infrastructure', 'PostgreSQL', 'Redis'])
  })

  it('lead one to the next, and every one of them is reached', () => {
    const reached = new Set<string>()
    let at = dashboards[0]!
    while (!reached.has(at.uid)) {
      reached.add(at.uid)
      at = dashboards.find(({ uid }) => uid === at.next)!
    }
    expect([...reached].sort()).toEqual(dashboards.map(({ uid }) => uid).sort())
  })

  it.each(dashboards.map(spec => [spec.title,
    spec] as const))('%s ask a question, share the crosshair and have the variables', (_, spec) => {
    const built = build(spec, dashboards)
    expect(built.description).toMatch(/\?$/)
    expect(built.graphTooltip).toBe(1)
    expect(built.templating?.list?.map(({ name }) => name)).toEqual(['datasource', 'environment', 'instance'])
    expect(built.annotations?.list?.map(({ name }) => name)).toEqual(annotations.map(({ name }) => name))
  })

  it.each(dashboards.map(spec => [spec.title,
    spec] as const))('%s have panels that neither overlap nor leave the page', (_, spec) => {
    const taken = new Set<string>()
    const ids = new Set<number>()
    for (const { id, title, gridPos } of build(spec, dashboards).panels ?? []) {
      expect(gridPos!.x + gridPos!.w, title).toBeLessThanOrEqual(24)
      expect(ids.has(id!), `${title} has a number of its own`).toBe(false)
      ids.add(id!)
      for (let x = gridPos!.x; x < gridPos!.x + gridPos!.w; x++) {
        for (let y = gridPos!.y; y < gridPos!.y + gridPos!.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} at ${x}, ${y}`).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
  })

  it.each(panels.map(({ at, panel }) => [at,
    panel] as const))('%s: says what is good, in words and with a unit', (_, panel) => {
    expect(panel.title).toMatch(/\(good: .+\)$/)
    expect(panel.description).toMatch(/\.$/)
    expect(panel.unit).not.toBe('')
    // A graph of several series needs a name for each.
    if (panel.queries.length > 1) for (const { legend } of panel.queries) expect(legend).toBeTruthy()
  })
})

describe('the queries', () => {
  it.each(expressions)('%s: is PromQL: %s', (_, expression) => {
    expect(faults(filledIn(expression))).toEqual([])
  })

  const known = knownMetrics()
  it.each(expressions)('%s: asks for metrics that somebody exports: %s', (_, expression) => {
    const asked = metricsOf(filledIn(expression))
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter(name => !known.has(name))).toEqual([])
  })

  it('are all of the environment that was chosen', () => {
    // The variable itself is what the environments are asked for with.
    for (const [at, expression] of expressions.filter(([at]) => !at.endsWith('$environment'))) {
      const selectors = expression.match(/\{[^}]*\}/g) ?? []
      expect(selectors.length, at).toBeGreaterThan(0)
      for (const selector of selectors) expect(selector, at).toContain('environment=~"$environment"')
    }
  })

  it('take a rate over as long as Grafana says, so that no scrape falls between', () => {
    for (const [at, expression] of expressions) for (const [,
      range] of expression.matchAll(/rate\([^[]*\[([^\]]+)\]/g)) expect(range, at).toBe('$__rate_interval')
  })

  it('that are broken are found out', () => {
    expect(faults('sum(rate(up[1m])')).not.toEqual([])
    expect(metricsOf('sum(rate(http_request_total[1m])) / up')).toEqual(['http_request_total', 'up'])
    expect(known.has('http_request_total')).toBe(false)
    expect(known.has('http_requests_total')).toBe(true)
  })
})

describe('thresholds', () => {
  /** What the specification's table of alert thresholds says. */
  const specified: [string, { warning: number, critical: number, below?: true }][] = [
    ['ResponseTimeHigh', { warning: 2, critical: 5 }], ['ErrorRateHigh', { warning: 0.05, critical: 0.1 }],
    ['CpuUsageHigh', { warning: 0.8, critical: 0.95 }],
    ['MemoryUsageHigh', { warning: 0.85, critical: 0.95 }],
    ['DiskUsageHigh', { warning: 0.8, critical: 0.9 }],
    ['ConnectionPoolHigh', { warning: 0.8, critical: 0.95 }],
    ['ReplicationLagHigh', { warning: 10, critical: 60 }],
    ['InstancesUnhealthy', { warning: 3, critical: 2, below: true }],
  ]
  it.each(specified)('of %s are the specification\'s, as read from the rule', (alert, limit) => {
    expect(limitOf([alert])).toEqual(limit)
  })

  it('are on a panel for each of them', () => {
    const drawn = new Set(panels.flatMap(({ panel }) => panel.limit ? [] : panel.alerts ?? []))
    for (const [alert] of specified) expect(drawn, alert).toContain(alert)
  })

  /** What an expression rests on, through the recording rules, of which some rest on their own past. */
  const restsOn = (expression: string, known = new Set<string>()): string[] => {
    for (const name of metricsOf(filledIn(expression))) {
      if (known.has(name)) continue
      known.add(name)
      const rule = rules.find(({ record }) => record === name)
      if (rule) restsOn(rule.expr, known)
    }
    return [...known]
  }
  it.each(panels.filter(({ panel }) => panel.alerts && !panel.limit).map(({ at, panel }) => [at,
    panel] as const))(
    '%s: shows the figure that its alerts judge', (_, panel) => {
      const shown = new Set(panel.queries.flatMap(({ expr }) => restsOn(expr)))
      for (const alert of panel.alerts!) {
        for (const { expr } of rules.filter(rule => rule.alert === alert)) {
          expect(restsOn(expr).some(name => shown.has(name)), `${alert}: ${expr}`).toBe(true)
        }
      }
    })

  /** As Grafana paints: the last step that is not above the value. */
  const colour = (panel: PanelSpec, value: number) => {
    const built = build({ ...dashboards[0]!, rows: [{ title: '', panels: [panel] }] },
      dashboards).panels!.at(-1)!
    const { steps } = (built as { fieldConfig?: { defaults: { thresholds?: { steps: { value: number | null
      color: string }[] } } } }).fieldConfig!.defaults.thresholds!
    return steps.findLast(step => step.value === null || step.value <= value)?.color
  }
  it('paint a panel as the alert judges: above, below, and exactly at the number', () => {
    const find = (title: string) => panels.find(({ panel }) => panel.title.startsWith(title))!.panel
    const instances = find('Healthy instances')
    expect([3, 2, 1].map(value => colour(instances, value))).toEqual(['green', 'yellow', 'red'])
    const lag = find('Replication lag')
    expect([9, 11, 61].map(value => colour(lag, value))).toEqual(['green', 'yellow', 'red'])
    const primaries = find('PostgreSQL primary')
    expect([1, 0].map(value => colour(primaries, value))).toEqual(['green', 'red'])
  })

  it('come from alerts that are there: another name is refused', () => {
    expect(() => limitOf(['NoSuchAlert'])).toThrow('NoSuchAlert')
    expect(rules.length).toBeGreaterThan(10)
  })
})

it('what a drill measured reaches Prometheus in its own form', () => {
  const figures = (secondsWithoutWrites: number, lost: number) => ({
    verdict: { scenario: 'pg-kill', violations: [],
      figures: { secondsWithoutWrites, secondsWithoutReads: 0, lost } as never },
    scenario: { name: 'pg-kill', part: 'PostgreSQL' as const },
  })
  const text = drillMetricsText([figures(3.2, 0), figures(4.1, 0)], 1_764_400_000_500)
  const labels = '{scenario="pg-kill",part="PostgreSQL"}'
  expect(text).toContain(`fleet2_drill_last_run_timestamp_seconds${labels} 1764400000\n`)
  // Of two runs the worst.
  expect(text).toContain(`fleet2_drill_without_writes_seconds${labels} 4.1\n`)
  execFileSync('promtool', ['check', 'metrics'], { input: text })
})
