import type { Firing } from './alerts/course.ts'

/**
 * What happened during one scenario, as its users saw it: the workload writes it, the judge reads it, and
 * neither knows the other. Plain JSON, so that a history can be made by hand in a test and kept beside a
 * report.
 *
 * Every time is in milliseconds since the history began, on one monotonic clock.
 */

/**
 * One request on the wire. A keyed write may take several for one intent, all with the same Idempotency-Key.
 */
export interface Attempt {
  startedAt: number
  endedAt: number
  /** 0: no answer came. */
  status: number
  /** `X-Fleet2-Instance`: who answered; null where it was Nginx or nobody. */
  instance: string | null
  /** `Fleet2-Stale`: the answer said itself that it was that old. */
  staleSeconds: number | null
  requestId: string | null
  /** The answer's own words: nothing was changed. */
  saysUnchanged?: boolean
  /** Why there was no answer. */
  error: string | null
}

/**
 * What became of an operation in the eyes of the person: `done` (2xx, or for a look the right 404), `failed`
 * (nothing that may be tried again helped, or nothing is tried again: a browser asks for a page once),
 * `unfinished` (the scenario ended first).
 */
export type Outcome = 'done' | 'failed' | 'unfinished'

interface OperationBase {
  /** Person or device. All operations of one session share a cookie jar. */
  session: string
  organisation: string
  startedAt: number
  endedAt: number
  attempts: Attempt[]
  outcome: Outcome
}

export const readKinds = ['list', 'read', 'own-read', 'follow', 'who-am-i', 'page'] as const
/**
 * `own-read` comes right after a write of the same session and must show it; `follow` looks at a vehicle that
 * the live stream has just told of.
 */
export type ReadKind = (typeof readKinds)[number]

export interface Read extends OperationBase {
  kind: ReadKind
  /** Version of each vehicle in the answer. A vehicle that was asked for by its id and not found is 0. */
  saw: Record<string, number>
}

export interface Write extends OperationBase {
  kind: 'create' | 'update'
  /** Null until it is known: the creation was never acknowledged. */
  vehicle: string | null
  /** Text that only this write writes: into the name of a new vehicle, or the notes of an old one. */
  value: string
  /** As the acknowledgement said. */
  version: number | null
}

export interface Position extends OperationBase {
  kind: 'position'
  device: string
  vehicle: string
  /** ISO 8601; with the device it names the point. */
  fixTime: string
}

export type Operation = Read | Write | Position

export interface StreamEvent {
  at: number
  /** Of the SSE event; empty where it has none. */
  id: string
  name: 'changed' | 'positions' | 'resync' | 'moved' | 'status'
  /** Of `changed`. */
  change?: { type: string, id: string, change: string }
  /** Of `positions`: `<vehicle> <fixTime>` of each. */
  points?: string[]
}

/** The live stream of one session over all its connections. */
export interface Stream {
  session: string
  organisation: string
  /**
   * `resumedFrom`: the last event id it brought; null: it started anew. `openedAt` null: it never opened, and
   * `refused` says what was answered, or why nothing was.
   */
  connections: {
    askedAt: number
    openedAt: number | null
    closedAt: number | null
    resumedFrom: string | null
    refused?: string
  }[]
  events: StreamEvent[]
}

export interface Mark {
  at: number
  name: 'fault' | 'healed' | 'whole' | 'end'
  /** Which node it was, for example. */
  detail: string
}

/** A job that somebody asked for, and that was acknowledged. */
export interface AskedJob {
  id: string
  session: string
  askedAt: number
}

export interface History {
  scenario: string
  /** Wall clock of time 0. */
  beganAt: string
  operations: Operation[]
  streams: Stream[]
  /** Absent where nobody asked for any. */
  jobs?: AskedJob[]
  marks: Mark[]
  /**
   * The most client connections that one PostgreSQL held at any moment, as pg_stat_activity showed them; null
   * where nobody looked.
   */
  maxBackends?: { node: string, count: number } | null
  /**
   * The alerts that began to fire after the fault; absent where nobody watched. Their times are wall clock.
   */
  firings?: Firing[]
}

/** What PostgreSQL's primary holds after all is whole again. */
export interface FinalState {
  /**
   * How often each value was written: by its text, from the audit log for updates and the vehicles themselves
   * for creations.
   */
  applied: Record<string, number>
  /** Present version of each vehicle that the history speaks of. */
  versions: Record<string, number>
  /** `<device> <fixTime>` of every stored point of the history's devices. */
  positions: string[]
  /** What has become of each of the history's jobs, and how often it has had its effect. */
  jobs?: Record<string, { state: string, effects: number }>
}

export function isRead(operation: Operation): operation is Read {
  return (readKinds as readonly string[]).includes(operation.kind)
}

/** A person's change; devices' positions are not among them. */
export function isWrite(operation: Operation): operation is Write {
  return operation.kind === 'create' || operation.kind === 'update'
}

export function isPosition(operation: Operation): operation is Position {
  return operation.kind === 'position'
}

/**
 * When the fault began, was taken back, and all was whole. Falls back to the history's ends where a mark is
 * missing.
 */
export function phasesOf(history: History): {
  faultAt: number
  healedAt: number
  wholeAt: number
  endAt: number
} {
  const at = (name: Mark['name']) => history.marks.find(mark => mark.name === name)?.at
  const endAt = at('end') ?? Math.max(0, ...history.operations.map(({ endedAt }) => endedAt))
  const faultAt = at('fault') ?? 0
  return { faultAt, healedAt: at('healed') ?? faultAt, wholeAt: at('whole') ?? endAt, endAt }
}

export interface Recorder {
  history: History
  now(): number
  mark(name: Mark['name'], detail?: string): void
}

export function startHistory(scenario: string): Recorder {
  const began = performance.now()
  const history: History = {
    scenario,
    beganAt: new Date().toISOString(),
    operations: [],
    streams: [],
    marks: [],
  }
  const now = () => Math.round((performance.now() - began) * 10) / 10
  return { history, now, mark: (name, detail = '') => void history.marks.push({ at: now(), name, detail }) }
}
