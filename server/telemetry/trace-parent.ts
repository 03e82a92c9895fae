import type { Span } from '@opentelemetry/api'

/** Who asked, as W3C Trace Context has it (https://www.w3.org/TR/trace-context-1/). */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  traceId: string
  /** 16 lower-case hex digits, not all zero. */
  spanId: string
  /** Whoever began the trace records it, and so does everybody else. */
  sampled: boolean
}

/** The trace that a request or a job belongs to. */
export interface Trace {
  readonly traceId: string
  /** The request's own step, which all others are parts of; null: nothing is recorded of it. */
  readonly span: Span | null
  /** What is being done, from a fixed set of words: the route's pattern, the job's name. */
  action(): string
}

/** A version after 00 may have more behind its flags, and is read as if it were 00. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/**
 * Reads a `traceparent` header. Null where it is none: a trace is begun anew then, as the standard asks.
 * (Not the library's: it is loaded only where spans are sent, and log lines have the id without.)
 */
export function parseTraceparent(header: string | string[] | undefined): TraceParent | null {
  if (typeof header !== 'string' || header.length > 512) return null
  const [, version, traceId = '', spanId = '', flags = '', more] = form.exec(header) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` of what this step asks others to do. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}
