import type { Environment } from './environment.ts'

/**
 * How one operation went for the person who made it: as always, or with something missing that the
 * application says is missing.
 */
export type Outcome = 'normal' | 'limited'

/** What was done before or during the fault and acknowledged, and is not there after it. */
export interface Loss {
  lost: number
  of: number
}

/** What one probe saw of one fault. */
export interface Observation {
  operations: number
  failed: number
  limited: number
  /** From the fault to the last operation that was limited or failed; null: none was. */
  seconds: number | null
  slowestMs: number
  loss: Loss
  /** The first few failures, in words. */
  failures: string[]
}

/** A feature under a fault. One file in `probes/`; the tool finds it by itself. */
export interface Probe<State = unknown> {
  /** As the row's first words. */
  name: string
  /** Between two operations. */
  everyMs: number
  /** Before the fault, with everything whole. */
  setup(environment: Environment): Promise<State>
  /**
   * One thing that a person does, again and again before, during and after the fault. Rejects when it failed.
   */
  operation(environment: Environment, state: State, turn: number): Promise<Outcome>
  /** After the fault, with a master there again: what of the acknowledged is missing. */
  verifyAfter(environment: Environment, state: State): Promise<Loss>
  /** What a person sees, in words. */
  words(observation: Observation): string
}

/** Keeps the type of a probe's own state to itself. */
export function defineProbe<State>(probe: Probe<State>): Probe {
  return probe as Probe
}
