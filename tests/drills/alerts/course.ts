/**
 * What one fault led to, as Prometheus and the receivers saw it: `round.ts` writes it, `judge.ts` reads it,
 * and neither knows the other. Plain JSON. Every time is in milliseconds since 1970.
 */
export interface Course {
  row: string
  /** Which nodes. */
  what: string
  faultAt: number
  healedAt: number
  /** Null: the lab did not become whole again. */
  wholeAt: number | null
  endAt: number
  firings: Firing[]
  deliveries: Delivery[]
  /**
   * What an Alertmanager would have told next, just before the healing: it gathers first. As `NodeDown
   * (warning)`.
   */
  next: string[]
}

export type Severity = 'critical' | 'warning' | 'info'

/** An alert that fired, of however many instances: from the first of them to the end of the last. */
export interface Firing {
  alert: string
  severity: Severity
  at: number
  /** Null: it still fired when the course ended. */
  overAt: number | null
}

export type Channel = 'PagerDuty' | 'Slack' | 'e-mail'

/** A message that somebody got. */
export interface Delivery {
  at: number
  channel: Channel
  alert: string
  /** Null in a message of its end, which does not say it. */
  severity: Severity | null
  /** It says that the alert is over. */
  over: boolean
  /** PagerDuty's dedup_key: events with one key are one page. Empty elsewhere. */
  key: string
  /** What it says of each part that it names, in order, as `WARNING application, app1:8000`. */
  says: string[]
}
