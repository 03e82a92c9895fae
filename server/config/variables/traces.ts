import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { endpoint, headers, ratio, resourceAttributes, sampler } from '../trace-settings.ts'
import { variable } from '../variable.ts'

export const tracesVariables = {
  tracesExporter: variable({
    name: 'OTEL_TRACES_EXPORTER',
    group: 'Traces',
    description: 'otlp: traces are recorded and sent to a collector (docs/tracing.md). none: they are not.',
    default: 'none',
    example: 'otlp',
    schema: z.enum(['none', 'otlp'], 'must be otlp or none').default('none'),
  }),
  traceEndpoint: variable({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    group: 'Traces',
    description: 'The collector, which must take OTLP over HTTP; spans are sent to /v1/traces below it.',
    default: 'http://localhost:4318',
    example: 'http://collector:4318',
    schema: endpoint,
  }),
  traceHeaders: variable({
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    group: 'Traces',
    description: 'Headers of each message to the collector, as header=value separated by commas.',
    default: 'none',
    example: 'api-key=…',
    secret: true,
    schema: headers,
  }),
  traceTimeoutMs: variable({
    name: 'OTEL_EXPORTER_OTLP_TIMEOUT',
    group: 'Traces',
    description: 'Milliseconds for a message to the collector, its repeats included; then it is given up.',
    default: '10000',
    example: '5000',
    schema: wholeNumber(100, 60_000, 10_000),
  }),
  traceSampler: variable({
    name: 'OTEL_TRACES_SAMPLER',
    group: 'Traces',
    description: 'Which traces are recorded: those whose caller (Nginx) says so, and a share of those that '
      + 'begin here.',
    default: 'parentbased_traceidratio',
    example: 'parentbased_traceidratio',
    schema: sampler,
  }),
  traceRatio: variable({
    name: 'OTEL_TRACES_SAMPLER_ARG',
    group: 'Traces',
    description: 'The share of the traces that begin here which is recorded, 0 to 1. Of requests through '
      + 'Nginx NGINX_TRACE_PERCENT decides.',
    default: '0.01',
    example: '0.1',
    schema: ratio,
  }),
  traceServiceName: variable({
    name: 'OTEL_SERVICE_NAME',
    group: 'Traces',
    description: 'What the traces are said to be of.',
    default: 'fleet2',
    example: 'fleet2-staging',
    schema: z.string()
      .regex(/^[\w. -]{1,100}$/, 'must be 1 to 100 letters, digits, blanks or any of . _ -')
      .default('fleet2'),
  }),
  traceAttributes: variable({
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    group: 'Traces',
    description: 'What is said of this instance with its traces, as key=value separated by commas.',
    default: 'none',
    example: 'deployment.environment.name=production',
    schema: resourceAttributes,
  }),
  traceQueueSize: variable({
    name: 'OTEL_BSP_MAX_QUEUE_SIZE',
    group: 'Traces',
    description: 'Spans that wait for the collector at most, about a kilobyte each; more are dropped.',
    default: '2048',
    example: '4096',
    schema: wholeNumber(1, 65_536, 2_048),
  }),
  traceDelayMs: variable({
    name: 'OTEL_BSP_SCHEDULE_DELAY',
    group: 'Traces',
    description: 'Milliseconds that spans wait for others to travel with.',
    default: '5000',
    example: '1000',
    schema: wholeNumber(10, 60_000, 5_000),
  }),
}
