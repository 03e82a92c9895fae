/** What is known of a device when its next message is judged. Kept in `device_states`. */
export interface DeviceState {
  /** The newest place that is believed. Null: there has been none. */
  last: Point | null
  clockOffsetMs: number | null
  /** Seconds between two fixes, smoothed. */
  intervalSeconds: number | null
  memory: Memory
}

/** What the next message is compared with, beside the last place. As JSON in `device_states.judging`. */
export interface Memory {
  /** A place that was reached faster than the vehicle can go, until the next fix confirms it or does not. */
  waiting?: Point
  clock?: ClockRun
  /** How many messages have been kept as they came: the place of the next one in their ring. */
  recorded?: number
  /** States that devices repeat in every message, and when they were last said. */
  said?: Partial<Record<'ignition' | 'driver', { time: number, value: string | number | boolean }>>
}

/** A place at a moment, in milliseconds since 1970: of the fix, or of its receipt where that was earlier. */
export interface Point {
  time: number
  latitude: number
  longitude: number
  accuracyMetres: number | null
  /** The time by which its row is found, where that is another one. */
  fixTime?: number
}

/** Messages in a row whose times were ahead of their receipt by the same. */
export interface ClockRun {
  aheadMs: number
  time: number
  count: number
}

export const unknownState: DeviceState = {
  last: null, clockOffsetMs: null, intervalSeconds: null, memory: {},
}
