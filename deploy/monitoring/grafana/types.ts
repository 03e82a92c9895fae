import type { Limit } from './alerts.ts'

export interface Query {
  expr: string
  /** What a series is called: `{{instance}}`. */
  legend?: string
  /** Recorded requests are shown as points, each with its trace (docs/tracing.md). */
  exemplars?: boolean
}

/**
 * Why a query may find nothing on a stack that is well. `failure`: what it measures has not happened.
 * `drill`: no drill's figures were given to Prometheus. `containers`: nothing runs in containers, and
 * cAdvisor, which measures them, is in no package of Debian's: the lab has neither. The lab's test
 * (tests/lab/dashboards.test.ts) asks for the first after a failure and for the second once it has given a
 * drill's figures; the third alone are never seen with data there.
 */
export type EmptyUntil = 'failure' | 'drill' | 'containers'

export type Colour = 'green' | 'blue' | 'yellow' | 'orange' | 'red'

/** A number's words, as a state of a timeline: `3: ['primary', 'green']`. */
export type States = Record<number, [text: string, colour: Colour]>

export interface PanelSpec {
  kind: 'stat' | 'graph' | 'states' | 'table'
  /** Says what is good. */
  title: string
  /** What is shown, where from, and what it means when it is not good. */
  description: string
  /** Grafana's name of the unit; `none` for a bare number. */
  unit: string
  queries: Query[]
  /**
   * The alerts on this figure: their numbers are the panel's thresholds, the first one's runbook is its link.
   */
  alerts?: string[]
  /** Thresholds where the figure is not the one that the alert compares, or has none. */
  limit?: Limit
  states?: States
  emptyUntil?: EmptyUntil
  /** Of 24. */
  width?: number
  height?: number
  max?: number
  stacked?: true
}

export interface DashboardSpec {
  /** Its file's name and its address in Grafana. */
  uid: string
  title: string
  /** The one question that it answers. */
  question: string
  /** What the variable `instance` chooses from. */
  instances: { metric: string, matchers?: string[], label: string }
  /** The dashboard that goes into what this one leaves open. */
  next: string
  rows: { title: string, panels: PanelSpec[] }[]
}
