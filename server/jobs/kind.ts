import type { Transaction } from '#server/database/port.ts'

/**
 * A kind of job, by which it is asked for and run. `Input` must be plain JSON: it is stored.
 * The type's parameter is used by whoever asks and by whoever runs it, and by nothing at run time.
 */
export interface JobKind<Input = unknown> {
  /** From a fixed set: it is a metric's label. Instances that do not know it leave such jobs alone. */
  readonly name: string
  /** How often it may be begun before it is given up. */
  readonly maxAttempts: number
  readonly input?: Input
}

/** What a job is given when it is run. */
export interface RunningJob<Input = unknown> {
  readonly id: string
  /** Null: the program's own. */
  readonly organisationId: string | null
  readonly input: Input
  /** 1 for the first. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly requestedBy: { id: string, name: string } | null
  /** When it was asked for. */
  readonly createdAt: Date
  /** Different in each attempt: for names of files that two attempts must not share. */
  readonly lease: string
  /** Aborted when the job is no longer this instance's: it was cancelled, or the instance ends. */
  readonly signal: AbortSignal
  /** Says how far it has come. Stored, and told to browsers, at most once a second. */
  progress(done: number, total?: number | null): void
}

/** What a job leaves behind. */
export interface JobOutcome {
  /** Plain JSON. */
  result?: unknown
  file?: { key: string, name: string, bytes: number, expiresAt: Date }
}

/**
 * The job's effect, in the transaction that ends it: both are there or neither is, whoever dies. It may be
 * run again like every write, so it must have no other effect.
 */
export type FinishJob = (tx: Transaction) => Promise<JobOutcome | null>

/**
 * Runs one attempt: looks, computes, prepares, and gives back the effect (null: there is none). What it does
 * outside of the effect is done anew by the next attempt, and must be harmless twice.
 * @throws {DomainError} where trying again is of no use (but for UnavailableError and TooManyRequestsError);
 * its message is what people read. Anything else is tried again.
 */
export type RunJob<Input = unknown> = (job: RunningJob<Input>) => Promise<FinishJob | null>

/** A kind with what runs it. */
export interface JobHandler {
  kind: JobKind
  run: RunJob
}

/** Binds a kind to what runs it: the input is what the kind says. */
export function handle<Input>(kind: JobKind<Input>, run: RunJob<Input>): JobHandler {
  return { kind: kind as JobKind, run: run as RunJob }
}
