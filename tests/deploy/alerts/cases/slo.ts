import { perSecondByMinute, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

/** Ten requests a second for hours, of which a share fails. */
const failing = (share: number, rate = 10): Seen => ({
  'http_requests_total{job="fleet2",instance="app1",status="200"}': perSecondByMinute(rate),
  'http_requests_errors_total{job="fleet2",instance="app1",status="500"}': perSecondByMinute(rate * share),
})

/** Tried by the minute. 99.95 % leaves 0.05 % to fail; each alert is that times its factor. */
export const slo: Case[] = ([
  ['ErrorBudgetBurnFast', 'critical', 14.4], ['ErrorBudgetBurnSteady', 'critical', 6],
  ['ErrorBudgetBurnSlow', 'warning', 3], ['ErrorBudgetBurnTrickle', 'warning', 1],
] as const).map(([alert, severity, factor]) => ({
  alert, severity, seen: failing, fires: factor * 0.00051, quiet: 0, below: factor * 0.00049, after: '2h',
  tooLittle: failing(0.5, 0.4),
}))

/** With nobody left to count errors the probes say it: both burn rates of hours page. By the minute. */
export const outage: Seen = {
  'probe_success{job="door",instance="nginx"}': '1x60 0x500',
  'probe_success{job="door",instance="nginx2"}': '1x60 0x500',
}

/** The very first start: monitoring is up 90 s before the doors are, and looks every 5 s. */
export const firstStart: Seen = {
  'probe_success{job="door",instance="nginx"}': '0x18 1x500',
  'probe_success{job="door",instance="nginx2"}': '0x18 1x500',
  'prometheus_tsdb_lowest_timestamp_seconds{job="prometheus",instance="prometheus"}': 0,
}

/** So many probes of the door fail, one after the other; tried every 5 s, with an hour seen before. */
export const blip = (probes: number): Seen => ({
  'probe_success{job="door",instance="nginx"}': `1x720 0x${probes - 1} 1x500`,
})

/** One probe, two minutes after the very first start. */
export const blipAtFirst: Seen = {
  'probe_success{job="door",instance="nginx"}': '1x24 0 1x500',
  'prometheus_tsdb_lowest_timestamp_seconds{job="prometheus",instance="prometheus"}': 0,
}
