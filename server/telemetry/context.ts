import { AsyncLocalStorage } from 'node:async_hooks'
import type { Span } from '@opentelemetry/api'
import type { Trace } from './trace-parent.ts'

/** Who asks: a signed-in member of an organisation, a device, or the program itself. */
export type Principal
  = | { kind: 'user', userId: string, name: string, organisationId: string | null, sessionId: string }
    | { kind: 'device', deviceId: string, organisationId: string }
    | { kind: 'system', name: string }

declare const monotonic: unique symbol

/**
 * A moment on the clock that only runs on, `performance.now()`, and that nobody sets: a step of the wall
 * clock ends no request and extends none. A type of its own, so that `Date.now()` cannot stand in its place.
 */
export type Moment = number & { readonly [monotonic]: true }

/** The moment in `ms` milliseconds. */
export function momentIn(ms: number): Moment {
  return performance.now() + ms as Moment
}

/** Milliseconds until then; negative once it has passed. */
export function msUntil(moment: Moment): number {
  return moment - performance.now()
}

/**
 * What every line of work inside one request knows without being told: in an AsyncLocalStorage, opened by
 * `server/middleware/0.context.ts`, so that the logger, the router and the audit log need no parameter for
 * it.
 */
export interface RequestContext {
  /** From Nginx's `X-Request-Id`, or made here. In every log line, error and answer. */
  readonly requestId: string
  /** Past it the answer is of no use. Every wait inside the request is bounded by what is left of it. */
  readonly deadline: Moment
  /** The client's address; behind a trusted proxy, the one it forwarded. */
  readonly ipAddress: string | null
  readonly userAgent: string | null
  /** Set once the caller is known. */
  principal: Principal | null
  /**
   * Set once a member's permission has been found good: each change of the request is authorised by it again,
   * in its own transaction.
   */
  authority?: Authority | null
  /**
   * Set once the caller is known: the client's `Idempotency-Key` with a fingerprint of the request; null: the
   * request is not to be repeated.
   */
  operation: Operation | null
  /** How many transactions with effect the request has made, so that each has an operation id of its own. */
  writes: number
  /**
   * Consistency token that came with the request; after a write, the new one. See `design/writes-and-reads`.
   */
  consistencyToken: string | null
  /** Set when the answer came from an idempotency record. */
  replayed: boolean
  /** Seconds that the data read may be behind; null: it is current. Becomes `Fleet2-Stale`. */
  staleSeconds: number | null
  /**
   * Set when a read has waited in vain for a server that has what the caller has seen: those that follow do
   * not wait again.
   */
  waitExhausted?: boolean
  /** Set when a read has waited in vain for a replica's answer: those that follow ask the primary. */
  replicaUnresponsive?: boolean
  /** Aborted when nobody waits for the answer any more: what has not been begun by then need not be. */
  readonly signal?: AbortSignal
  /** The trace that the request belongs to; absent: nobody has named one, and tracing is off. */
  trace?: Trace
}

/** Who may do what where. */
export interface Authority {
  readonly userId: string
  readonly organisationId: string
  /** One of `shared/roles.ts`. */
  readonly permission: string
  /** The session that speaks for the user. */
  readonly session: { readonly id: string, readonly createdAt: number, readonly revocationsUpTo?: number }
  /** Set where the request goes by what was last known of its caller. */
  readonly assumption?: Assumption
}

/**
 * That the caller still is who they were at their last request. It is asked with the request's first
 * transaction, and nothing is answered and nothing committed before it has been found good.
 */
export interface Assumption {
  /** Nobody has asked yet. */
  isOpen(): boolean
  /** @throws {Error} which ends the transaction, where it is somebody else now. */
  settle(caller: unknown): void
}

/** Makes a write safe to repeat. `scope` keeps the keys of one caller apart from another's. */
export interface Operation {
  readonly scope: string
  readonly key: string
  /** Keyed hash of method, path and body: the same key with another fingerprint is refused. */
  readonly fingerprint: string
}

/** Both in one store: whoever leaves a request's context leaves its spans too. */
interface Frame {
  readonly context: RequestContext | undefined
  /** The step that is being recorded; null: none is. */
  readonly span: Span | null
}

const storage = new AsyncLocalStorage<Frame>()

/** Runs `fn` inside `context`; every await in it sees the same. */
export function runInContext<T>(context: RequestContext, fn: () => T): T {
  return storage.run({ context, span: context.trace?.span ?? null }, fn)
}

/** The present request's context, or undefined outside of one (jobs, start-up). */
export function currentContext(): RequestContext | undefined {
  return storage.getStore()?.context
}

/** Runs `fn` as a part of `span`, in the present context; with null simply `fn`. */
export function runInSpan<T>(span: Span | null, fn: () => T): T {
  return span ? storage.run({ context: storage.getStore()?.context, span }, fn) : fn()
}

/** The step that is being recorded, or null: the trace is not sampled, or tracing is off. */
export function currentSpan(): Span | null {
  return storage.getStore()?.span ?? null
}

/**
 * Milliseconds that a wait may take: what is left of the request's deadline, at most `limit`, never below 0.
 * Outside of a request it is `limit`, also never below 0: a limit may be made of a moment that has passed.
 */
export function remainingMs(limit: number): number {
  const deadline = storage.getStore()?.context?.deadline
  return Math.max(0, deadline === undefined ? limit : Math.min(limit, msUntil(deadline)))
}

/**
 * Runs work that belongs to nobody's request in particular: its waits are not bounded by whoever happened to
 * start it.
 */
export function runOutsideContext<T>(fn: () => T): T {
  return storage.exit(fn)
}

/**
 * A context for work that belongs to no request but must know what it has written (the consistency token of
 * its last commit), and ends after `seconds`, or at `signal`.
 */
export function backgroundContext(name: string, seconds: number, signal?: AbortSignal): RequestContext {
  return {
    requestId: name,
    deadline: momentIn(seconds * 1000),
    ipAddress: null,
    userAgent: null,
    principal: { kind: 'system', name },
    operation: null,
    writes: 0,
    consistencyToken: null,
    replayed: false,
    staleSeconds: null,
    signal,
  }
}

/** Runs `fn` with at most `ms` of the request's time: what it could not do by then is done otherwise. */
export function withinLimit<T>(ms: number, fn: () => Promise<T>): Promise<T> {
  const outer = currentContext() ?? backgroundContext('limited', ms / 1000)
  // What it finds out (staleness, a position) stays with it.
  const inner: RequestContext = Object.create(outer, { deadline: { value: momentIn(remainingMs(ms)) } })
  return storage.run({ context: inner, span: currentSpan() }, fn)
}
