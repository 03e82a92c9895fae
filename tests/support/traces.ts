import { randomBytes } from 'node:crypto'
import type { SpanOutcome } from '#server/telemetry/trace-metrics.ts'
import type { TestServer } from './server.ts'

export interface Caller {
  traceId: string
  spanId: string
  headers: { traceparent: string }
}

/** Whoever asks, and says whether its trace is recorded. */
export function caller({ sampled = true } = {}): Caller {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` } }
}

export interface LogLine {
  msg: string
  level: string
  request_id?: string
  trace_id?: string
  organisation_id?: string
  user_id?: string
}

/** Everything that an instance has logged. */
export function linesOf(server: TestServer): LogLine[] {
  const lines = server.output().split('\n').filter(line => line.startsWith('{'))
  return lines.map(line => JSON.parse(line) as LogLine)
}

/** How many spans of an instance have ended so. */
export async function spansThat(outcome: SpanOutcome, { url }: TestServer): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^fleet2_trace_spans_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)![1])
}
