import { Counter } from 'prom-client'
import { registry } from './metrics.ts'

/**
 * What became of spans. dropped: the queue was full; failed: the collector did not take them in time, or said
 * no.
 */
export const spanOutcomes = ['sent', 'failed', 'dropped'] as const
export type SpanOutcome = (typeof spanOutcomes)[number]

const spans = new Counter({
  name: 'fleet2_trace_spans_total', help: 'Spans of traces; outcome: sent, failed (the collector did '
    + 'not take them in time or refused them), dropped (the queue was full)',
  labelNames: ['outcome'] as const, registers: [registry],
})
for (const outcome of spanOutcomes) spans.inc({ outcome }, 0)

/** Counts spans. */
export function countSpans(outcome: SpanOutcome, number: number): void {
  spans.inc({ outcome }, number)
}
