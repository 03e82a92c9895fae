import * as common from '@grafana/grafana-foundation-sdk/common'
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { limitOf, runbookOf, type Limit } from './alerts.ts'
import { docsAddress } from './places.ts'
import type { EmptyUntil, PanelSpec, States } from './types.ts'

/** The one that the variable chooses. */
export const datasource = { type: 'prometheus', uid: '${datasource}' }

const whyEmpty: Record<EmptyUntil, string> = {
  failure: 'Empty until such a thing has happened.',
  drill: 'Empty until the figures of a drill were given to Prometheus (docs/dashboards.md).',
  containers: 'Empty where nothing runs in containers: cAdvisor measures it.',
}

export function panel(spec: PanelSpec): Builder<dashboard.Panel> {
  switch (spec.kind) {
    case 'stat': return stat(spec)
    case 'graph': return graph(spec)
    case 'states': return states(spec)
    case 'table': return table(spec)
  }
}

/** What all panels have in common. */
function fill<Some extends StatBuilder | GraphBuilder | StatesBuilder | TableBuilder>(builder: Some,
  spec: PanelSpec): Some {
  const description = [spec.description, ...spec.emptyUntil ? [whyEmpty[spec.emptyUntil]] : []].join(' ')
  builder.title(spec.title).description(description).datasource(datasource).unit(spec.unit)
    .thresholds(thresholds(limit(spec))).mappings(spec.states ? [mapping(spec.states)] : [])
  if (spec.emptyUntil) builder.noValue('none yet')
  if (spec.max !== undefined) builder.max(spec.max)
  builder.links((spec.alerts ?? []).map(alert => new dashboard.DashboardLinkBuilder(`Runbook: ${alert}`)
    .type(dashboard.DashboardLinkType.Link).url(`${docsAddress}/${runbookOf(alert)}`).targetBlank(true)))
  return builder
}

/** The alerts' numbers, where the panel names alerts. */
export function limit({ limit, alerts }: PanelSpec): Limit | undefined {
  return limit ?? (alerts ? limitOf(alerts) : undefined)
}

function queries({ queries, kind }: PanelSpec) {
  return queries.map(({ expr, legend, exemplars }, index) => {
    const query = new DataqueryBuilder().expr(expr).legendFormat(legend ?? '__auto').datasource(datasource)
      .refId(String.fromCharCode(65 + index))
    if (kind === 'table') return query.instant().format(PromQueryFormat.Table)
    if (exemplars) query.exemplar(true)
    return kind === 'stat' ? query.instant() : query.range()
  })
}

function stat(spec: PanelSpec) {
  return fill(new StatBuilder(), spec).span(spec.width ?? 4).height(spec.height ?? 4).targets(queries(spec))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .colorMode(common.BigValueColorMode.Background).graphMode(common.BigValueGraphMode.None)
    .colorScheme(byThreshold())
}

function graph(spec: PanelSpec) {
  const builder = fill(new GraphBuilder(),
    spec).span(spec.width ?? 8).height(spec.height ?? 8).targets(queries(spec))
    .lineWidth(1).fillOpacity(spec.stacked ? 30 : 8).showPoints(common.VisibilityMode.Never).min(0)
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).displayMode(common.LegendDisplayMode.List)
      .placement(common.LegendPlacement.Bottom))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi)
      .sort(common.SortOrder.Descending))
  if (limit(spec)) {
    const style = new common.GraphThresholdsStyleConfigBuilder()
    builder.thresholdsStyle(style.mode(common.GraphThresholdsStyleMode.Dashed))
  }
  if (spec.stacked) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
  return builder
}

function states(spec: PanelSpec) {
  return fill(new StatesBuilder(),
    spec).span(spec.width ?? 12).height(spec.height ?? 7).targets(queries(spec))
    .mergeValues(true).showValue(common.VisibilityMode.Auto).rowHeight(0.9).fillOpacity(70).lineWidth(0)
    .colorScheme(byThreshold())
    .legend(new common.VizLegendOptionsBuilder().showLegend(false).displayMode(common.LegendDisplayMode.List)
      .placement(common.LegendPlacement.Bottom))
}

function table(spec: PanelSpec) {
  const names = Object.fromEntries(spec.queries.map(({ legend }, index) => [
    spec.queries.length > 1 ? `Value #${String.fromCharCode(65 + index)}` : 'Value', legend ?? 'value',
  ]))
  return fill(new TableBuilder(), spec).span(spec.width ?? 12).height(spec.height ?? 8).targets(queries(spec))
    .filterable(true)
    // One row for what has the same labels; the time is now in all of them.
    .transformations([
      { id: 'merge', options: {} },
      { id: 'organize', options: { excludeByName: { Time: true }, renameByName: names } },
    ])
}

function byThreshold() {
  return new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds)
}

/** Grafana paints from a number upwards; where good lies above it, good is the last step. */
function thresholds(limit?: Limit) {
  const { warning, critical, below } = limit ?? {}
  const step = (color: string, value?: number | null) => value === undefined ? [] : [{ color, value }]
  const steps = below
    ? [{ color: critical === undefined ? 'yellow' : 'red', value: null },
        ...warning === undefined
          ? step('green', critical)
          : [...step('yellow', critical),
              ...step('green', warning)]]
    : [{ color: limit ? 'green' : 'text', value: null }, ...step('yellow', warning), ...step('red', critical)]
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps)
}

function mapping(states: States): dashboard.ValueMapping {
  const options = Object.fromEntries(Object.entries(states).map(([value, [text, color]], index) => [value,
    { text, color, index }]))
  return { type: dashboard.MappingType.ValueToText, options }
}
