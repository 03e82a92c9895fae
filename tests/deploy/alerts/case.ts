import type { Seen } from './promtool.ts'

/**
 * How an alert is tried: `seen` makes Prometheus' view out of one value. It must fire with `fires`, and be
 * silent with `quiet` (all is well) and with `below` (just not enough). Where there is no "just below" but in
 * time, `below` is how long the bad value has lasted, as promtool writes durations.
 */
export interface Case {
  alert: string
  severity: 'critical' | 'warning' | 'info'
  seen: (value: number) => Seen
  fires: number
  quiet: number
  below: number | string
  /** How long each has lasted. Default: long enough for any `for`. */
  after?: string
  /** How many alerts of this name are expected. Default 1. */
  count?: number
  /** Bad as in `fires`, with too little traffic to judge by: silent. */
  tooLittle?: Seen
}

/** A counter that grows by so much a second, looked at every 15 s. */
export const perSecond = (rate: number) => `0+${rate * 15}x500`
/** The same, looked at every minute. */
export const perSecondByMinute = (rate: number) => `0+${rate * 60}x500`
/** A counter that stood still for ten minutes and then grew by so much. */
export const grewBy = (amount: number) => `0x40 ${amount}x500`
