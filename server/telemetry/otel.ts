import { hostname } from 'node:os'
import {
  createNoopMeter, ROOT_CONTEXT, SpanKind, trace, TraceFlags, type Meter, type MeterProvider,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider,
  type SpanExporter, type SpanProcessor,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { runOutsideContext } from './context.ts'
import { resolver } from './resolver.ts'
import type { TraceParent } from './trace-parent.ts'
import { countSpans } from './trace-metrics.ts'
import type { Kind, SpanSource } from './tracing.ts'

export interface TracingOptions {
  /** The collector's address without a path; spans go to `/v1/traces` below it. */
  endpoint: string
  headers: Record<string, string>
  /** For one batch with its repeats. */
  timeoutMs: number
  /** Share of the traces that begin here, 0 to 1. What has a parent follows it. */
  ratio: number
  /** Spans that wait at most; past it they are dropped and counted. */
  maxWaiting: number
  /** Spans wait so long for others to travel with. */
  delayMs: number
  serviceName: string
  attributes: Record<string, string>
  instance: string
  version: string
  log: Logger
}

const kinds: Record<Kind, SpanKind> = {
  server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL,
}

/** Ours are short and few: what is longer is a mistake of ours, and must not cost memory. */
const spanLimits = {
  attributeValueLengthLimit: 200, attributeCountLimit: 16, eventCountLimit: 0, linkCountLimit: 0,
}

/** The library's standard. A larger one would hold up the event loop for longer while it is written down. */
const spansInBatch = 512

/**
 * Spans by the OpenTelemetry SDK, sent by OTLP over HTTP as JSON. Loaded only where tracing is on: it takes
 * memory and time to start. A collector that is slow, refuses or is gone costs the spans, which are counted,
 * and nothing else: they wait in a queue with an end, and nobody waits for them.
 */
export function openOtel(options: TracingOptions): SpanSource {
  const { ratio, maxWaiting, delayMs, timeoutMs, serviceName, instance, version, attributes } = options
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanLimits,
    resource: resourceFromAttributes({
      'host.name': hostname(), ...attributes,
      'service.name': serviceName, 'service.version': version, 'service.instance.id': instance,
    }),
    spanProcessors: [outside(new BatchSpanProcessor({
      exporter: watched(exporter(options), options),
      maxQueueSize: maxWaiting,
      maxExportBatchSize: Math.min(spansInBatch, maxWaiting),
      scheduledDelayMillis: delayMs,
      exportTimeoutMillis: timeoutMs,
      selfObsMeterProvider: spanCounter,
    }))],
  })
  const tracer = provider.getTracer('fleet2', version)
  return {
    begin(name, kind, parent) {
      const span = tracer.startSpan(name, { kind: kinds[kind] }, contextOf(parent))
      return { traceId: span.spanContext().traceId, span: span.isRecording() ? span : null }
    },
    child: (parent, name, kind, given) => (
      tracer.startSpan(name, { kind: kinds[kind], attributes: given }, trace.setSpan(ROOT_CONTEXT, parent))
    ),
    async close(limitMs) {
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, limitMs)
      })
      // What could not be sent has been counted, and told by `watched`.
      await Promise.race([provider.shutdown().catch(() => {}), tooLate])
      clearTimeout(timer)
    },
  }
}

function contextOf(parent: TraceParent | null) {
  if (!parent) return ROOT_CONTEXT
  const { traceId, spanId, sampled } = parent
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function exporter({ endpoint, headers, timeoutMs }: TracingOptions): SpanExporter {
  return new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers,
    timeoutMillis: timeoutMs,
    // One that has been given up may still hang in the air; more of them would be memory.
    concurrencyLimit: 2,
    // Names are looked up as everybody else's here: one that nobody answers for keeps no other waiting.
    httpAgentOptions: { keepAlive: true, lookup: resolver.lookup },
  })
}

/** Says once that the collector takes nothing, and once that it does again. */
function watched(inner: SpanExporter, { log, endpoint }: TracingOptions): SpanExporter {
  const { host } = new URL(endpoint)
  let failing = false
  return {
    export(spans, done) {
      inner.export(spans, (result) => {
        const failed = result.code !== 0
        if (failed && !failing) {
          const words = 'Traces cannot be sent: they are lost until the collector takes them'
          log.warn({ err: result.error, collector: host }, words)
        }
        if (!failed && failing) log.info({ collector: host }, 'Traces are being sent again')
        failing = failed
        done(result)
      })
    },
    forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => inner.shutdown(),
  }
}

/** The request whose span fills a batch is not the one in whose time and context the batch is sent. */
function outside(inner: SpanProcessor): SpanProcessor {
  return {
    onStart() {},
    onEnd: span => runOutsideContext(() => inner.onEnd(span)),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
}

/** The SDK counts spans by OpenTelemetry's metrics; here they are counted by ours. */
const spanCounter: MeterProvider = {
  // The api has one meter that does nothing for everybody: it is not to be changed.
  getMeter: () => Object.assign(Object.create(createNoopMeter()) as Meter, {
    createCounter: () => ({
      add(number: number, { 'error.type': error }: { 'error.type'?: string } = {}) {
        countSpans(error === undefined ? 'sent' : error === 'queue_full' ? 'dropped' : 'failed', number)
      },
    }),
  }),
}
