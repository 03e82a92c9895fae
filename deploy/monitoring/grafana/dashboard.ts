import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { datasource, panel } from './panels.ts'
import { dashboardAddress, docsAddress } from './places.ts'
import { series } from './query.ts'
import type { DashboardSpec } from './types.ts'

/** The queries of the variables, each `label_values(series, label)`. */
export function variables({ instances }: DashboardSpec) {
  return [
    // A Prometheus of its own has no such label, and `All` means everything it holds. One that gathers
    // several has it from their external_labels.
    { name: 'environment', label: 'Environment', series: 'up{environment!=""}', of: 'environment',
      allValue: '.*', gathered: true },
    {
      name: 'instance', label: 'Instance', series: series(instances.metric, ...instances.matchers ?? []),
      of: instances.label,
      allValue: '.+', gathered: false,
    },
  ]
}

const masters = series('redis_instance_info', 'job="redis"', 'role="master"')
const builds = series('fleet2_build_info')

/**
 * What is there now and was not for some minutes, a minute long. Minutes, so that two scrapes without it
 * make nothing new of it. `watched`: what shows that there was an older one to look at, because to a
 * Prometheus that was away, and at a first start, everything is new.
 */
function newcomers(by: string, what: string, minutes: number, watched: string): string {
  return `count by (${by}) (${what})`
    + ` unless count by (${by}) (count_over_time(${what}[${minutes}m] offset 1m))`
    + ` and on () count(${watched})`
}

/** What is drawn into every graph: a moment, with its words. */
export const annotations = [
  {
    name: 'PostgreSQL failover', color: 'red', title: 'PostgreSQL failover',
    text: '{{instance}} is the primary, on a new timeline',
    // A node whose PostgreSQL does not run says 0, and a restart is no failover.
    expr: `count by (instance) (changes((${series('patroni_postgres_timeline')} > 0)[1m:5s]) > 0`
      + ` and on (instance) ${series('patroni_primary')} == 1)`,
  },
  {
    name: 'Redis failover', color: 'orange', title: 'Redis failover', text: '{{instance}} is the master',
    // Short, so that a failover back is seen.
    expr: newcomers('instance', masters, 2, `count_over_time(${masters}[2m] offset 1m)`),
  },
  {
    name: 'Deploy', color: 'blue', title: 'Deploy', text: 'Version {{version}} serves',
    expr: newcomers('version', builds, 5, `${series('up', 'job="fleet2"')} offset 1m`),
  },
  {
    name: 'Drill', color: 'purple', title: 'Drill', text: '{{scenario}}',
    // Grafana takes the value for the time, in milliseconds.
    expr: `max by (scenario) (${series('fleet2_drill_last_run_timestamp_seconds')}) * 1000`,
    atValue: true,
  },
]

/** @param all every dashboard, by which `next` finds its title */
export function build(spec: DashboardSpec, all: DashboardSpec[]): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(spec.title).uid(spec.uid)
    .description(spec.question).tags(['fleet2'])
    .readonly().tooltip(dashboard.DashboardCursorSync.Crosshair).timezone('browser').refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
  builder.withVariable(
    new dashboard.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
  )
  for (const variable of variables(spec)) {
    builder.withVariable(new dashboard.QueryVariableBuilder(variable.name).label(variable.label)
      .datasource(datasource)
      .query({ query: `label_values(${variable.series}, ${variable.of})`, refId: variable.name })
      .definition(`label_values(${variable.series}, ${variable.of})`)
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged).sort(dashboard.VariableSort.AlphabeticalAsc)
      .multi(true).includeAll(true).allValue(variable.allValue).current({ text: ['All'], value: ['$__all'] }))
  }
  for (const { name, color, title, text, expr, atValue } of annotations) {
    const query = new dashboard.AnnotationQueryBuilder().name(name).datasource(datasource)
      .enable(true).iconColor(color)
      .target(new DataqueryBuilder().expr(expr).refId('Anno').interval('10s').range())
      .expr(expr).titleFormat(title).textFormat(text).step('10s')
    if (atValue) query.useValueForTime(true)
    builder.annotation(query)
  }
  const next = all.find(({ uid }) => uid === spec.next)
  if (!next) throw new Error(`${spec.title} leads to a dashboard that is not there: ${spec.next}`)
  builder.links([
    new dashboard.DashboardLinkBuilder(`Next: ${next.title}`).icon('dashboard')
      .type(dashboard.DashboardLinkType.Link)
      .url(dashboardAddress(next.uid)).tooltip(next.question).keepTime(true),
    new dashboard.DashboardLinkBuilder('All of Fleet2').tags(['fleet2'])
      .type(dashboard.DashboardLinkType.Dashboards)
      .asDropdown(true).keepTime(true),
    new dashboard.DashboardLinkBuilder('Runbooks').type(dashboard.DashboardLinkType.Link).icon('doc')
      .url(`${docsAddress}/monitoring-setup.md`).targetBlank(true),
  ])
  // Numbers of their own, so that a link to a panel goes on leading to it however often this is generated.
  let id = 0
  for (const { title, panels } of spec.rows) {
    builder.withRow(new dashboard.RowBuilder(title).id(++id))
    for (const one of panels) {
      const built = panel(one)
      const ready = built.build()
      ready.id = ++id
      builder.withPanel({ build: () => ready })
    }
  }
  return builder.build()
}
