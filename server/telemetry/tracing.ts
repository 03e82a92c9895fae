import type { Span } from '@opentelemetry/api'
import { currentContext, currentSpan, runInContext, runInSpan, type RequestContext } from './context.ts'
import type { Trace, TraceParent } from './trace-parent.ts'

/**
 * Spans: the steps of a request or a job, with their times. Nothing here knows the library that makes and
 * sends them (`otel.ts` does, and is loaded only where OTEL_TRACES_EXPORTER asks for it): where tracing is
 * off, or the trace is not sampled, a step costs one look at the present context.
 *
 * What a span says is bounded: names and attributes from fixed sets, numbers, and the request's id. Never a
 * path, a parameter, a key or value of Redis, a message of an error.
 */
export type Attributes = Record<string, string | number>

/** `client`: another server is asked. */
export type Kind = 'server' | 'client' | 'internal'

/** Where spans come from. */
export interface SpanSource {
  /** A trace's first step in this process; null: it is not sampled. There is an id in any case. */
  begin(name: string, kind: Kind, parent: TraceParent | null): { traceId: string, span: Span | null }
  child(parent: Span, name: string, kind: Kind, attributes: Attributes): Span
  /** Sends what waits, for at most `limitMs`. Never rejects. */
  close(limitMs: number): Promise<void>
}

let source: SpanSource | null = null

/** Turns tracing on; null turns it off. */
export function useTracing(next: SpanSource | null): void {
  source = next
}

/** Sends the spans that wait, for at most `limitMs`, and ends tracing. Never rejects. */
export async function closeTracing(limitMs: number): Promise<void> {
  const closing = source
  source = null
  await closing?.close(limitMs)
}

export interface Beginning {
  /** Whoever asked, where it is believed. */
  parent: TraceParent | null
  action: () => string
  /** False: only its id is known (probes, live streams). Default: true. */
  recorded?: boolean
}

/** The trace of a request that begins here. Undefined: nobody has named one, and tracing is off. */
export function beginTrace(
  name: string,
  { parent, action, recorded = true }: Beginning,
): Trace | undefined {
  if (source && recorded) return { ...source.begin(name, 'server', parent), action }
  return parent ? { traceId: parent.traceId, span: null, action } : undefined
}

/** Runs work that no request asked for in `context`, as a trace of its own. `name` is from a fixed set. */
export async function runAsTrace<T>(name: string, context: RequestContext, fn: () => Promise<T>): Promise<T> {
  if (!source) return runInContext(context, fn)
  const begun = source.begin(name, 'internal', null)
  context.trace = { ...begun, action: () => name }
  return runInContext(context, () => begun.span ? ended(begun.span, fn) : fn())
}

/**
 * Runs `fn` as a step of what is being recorded, and hands it the span (null: nothing is being recorded).
 * What `fn` throws passes, and marks the step as failed.
 */
export function inSpan<T>(
  name: string, kind: Kind, attributes: Attributes, fn: (span: Span | null) => Promise<T>,
): Promise<T> {
  const span = beginStep(name, kind, attributes)
  return span ? runInSpan(span, () => ended(span, () => fn(span))) : fn(null)
}

/** A step that the caller ends; null: nothing is being recorded. */
export function beginStep(name: string, kind: Kind, attributes: Attributes): Span | null {
  const parent = currentSpan()
  return parent && source ? source.child(parent, name, kind, attributes) : null
}

async function ended<T>(span: Span, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn()
  }
  catch (error) {
    markFailed(span, error)
    throw error
  }
  finally {
    span.end()
  }
}

/** The api's SpanStatusCode.ERROR: its enumeration would load it. */
const failed = 2

/** Marks a step as failed, by the error's kind. Never by its message, which may quote a value. */
export function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: failed })
  span.setAttribute('error.type', error instanceof Error ? error.constructor.name : 'unknown')
}

/** What is being done at this moment, from a fixed set of words: the route's pattern, the job's name. */
export function currentAction(): string | undefined {
  return currentContext()?.trace?.action()
}
